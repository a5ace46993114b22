"""Which reads only ask whether something is there, or say what counts if it is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alga_workflows_core.expressions.engine import Sources, check_syntax, evaluate, reads_of

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)


@pytest.mark.parametrize(
    ("text", "asked", "used"),
    [
        ("$exists(a.b)", "a.b", ""),
        ("$exists(a.b[0].c)", "a.b.c", ""),
        ("$exists((a))", "a", ""),
        ("$exists(a[b > 1])", "a", "a.b"),
        ("$exists(a + b)", "", "a b"),
        ("$exists($string(a))", "", "a"),
        ("$exists([a])", "", "a"),
        ("$coalesce(a, b.c, d & e)", "a b.c", "d e"),
        ("$count(a)", "", "a"),
        ("$not($exists(a)) and b", "a", "b"),
        ("a ?? b", "a", "b"),
        ("a ?: b", "a", "b"),
        ("a ?? b ?? c", "a b", "c"),
        ("a ?? b ?: c", "a b", "c"),
        ("a ?? b + c ?? d", "a", "b c d"),
        ("a + b ?? c", "", "a b c"),
        ("a and b ?? c", "", "a b c"),
        ("a = b ?? c", "", "a b c"),
        ("(a) ?? b", "a", "b"),
        ("(a ?? b) & c", "a", "b c"),
        ("a ? b ?? c : d ?? e", "b d", "a c e"),
        ("{'k': a ?? b}", "a", "b"),
        ("a[b ?? c]", "a.b", "a a.c"),
        ("exists(a)", "", "a"),
        ("a", "", "a"),
    ],
)
def test_reads_that_ask(text: str, asked: str, used: str) -> None:
    """Whole arguments of `$exists` and `$coalesce`, and all that stands before `??` or `?:`."""
    assert check_syntax(text) is None
    found = reads_of(text)
    assert found is not None
    paths: dict[bool, list[str]] = {True: [], False: []}
    for read in found.reads:
        paths[read.asked].append(".".join(read.path))
    assert sorted(paths[True]) == asked.split()
    assert sorted(paths[False]) == used.split()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + gone ?? 5", 5),
        ("true and gone ?? true", False),
        ("there = gone ?? 1", False),
        ("gone ?? away ?? 3", 3),
        ("gone ?? there + 1", 2),
    ],
)
def test_a_default_is_for_all_that_stands_before_it(text: str, value: object) -> None:
    """`??` binds less tightly than every other operator: that is why a sum does not ask."""
    assert evaluate(text, {"there": 1}, SOURCES) == value
