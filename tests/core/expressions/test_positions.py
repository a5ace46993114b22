"""Where in its text an expression is at fault."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions.engine import (
    ExpressionError,
    Sources,
    check_syntax,
    evaluate,
)

SOURCES = Sources(now=lambda: datetime(2030, 1, 1, tzinfo=UTC), random=lambda: 0.5)

_SOUND = [
    "payload.client.id",
    "$count(payload.items[price > 5])",
    "payload.items^(>price)[0].name",
    '{"a": payload.x, "b": [1, 2..3]}',
    "$map(payload.items, function($v) { $v.price * 1.5e3 })",
    "a ? 'b' : /c\\/d/i",
    "($x := payload/2; $x /* half of it */ - -1)",
    "'😀' & `odd name`.é",
]


@pytest.mark.parametrize(
    ("before", "fault"),
    [
        # A token that cannot stand there.
        ("a ", "b"),
        ("(a ", "b)"),
        ("$f(a ", "b, c)"),
        ("[1, 2 ", "3]"),
        ('{"a": 1 ', '"b": 2}'),
        ('{"a"', "}"),
        ("a", ") + 1"),
        ("a[b]", "] + 1"),
        ("a =", "= b"),
        ("a &", "& b"),
        ("a ? b : ", ": c"),
        ("a ", "| b"),
        ("[1, ", "]"),
        ("$f(a, ", ")"),
        ("0", "1"),
        ("1", "a"),
        ("a", "; b"),
        ("function(", "x) { 1 }"),
        ("function($x, ", "y) { 1 }"),
        ("a^", "b"),
        ("{{ payload.x ", "}}"),
        ("'😀' ", "'😀'"),
        ("/* b */ a\n  ", "b"),
        ("a ", 'b "open'),
        # What is no token.
        ("a ", "! b"),
        ("a ", "~ b"),
        ("a", "\u200bb"),
        ("", "😀 + b"),
        ("1 + ", '"open + 2'),
        ("a + ", "`open + 2"),
        ("a + ", "/open + 2"),
        ("a ", "/* open"),
        ("a + 'x", "\\d' + 2"),
        ('a + "\\n\\u00e9', '\\u00zz"'),
        ("2 * ", "1e999 + 1"),
        # An end that comes too early.
        ("", ""),
        ("a.", ""),
        ("(a + 1", ""),
        ("(a + 1", "  "),
        ("$map(a, function($v) { $v", ""),
        ("a ? b :", " /* c */ "),
    ],
)
def test_a_syntax_error_says_where_the_text_stops_being_an_expression(
    before: str, fault: str
) -> None:
    """The position is the offset of the first character that no expression has there."""
    error = check_syntax(before + fault)
    assert error is not None
    assert error.error_code == "EXPRESSION_SYNTAX"
    assert error.position == len(before)
    assert error.details["position"] == len(before)
    assert f"at character {len(before) + 1}: " in str(error)


@pytest.mark.parametrize("text", ["a.5", "5.a", "a{b: c}{d: e}", "[%]", "a@b"])
def test_an_error_whose_place_is_not_certain_has_none(text: str) -> None:
    """What the engine finds only after reading on is not blamed on a token."""
    error = check_syntax(text)
    assert error is not None
    assert error.error_code == "EXPRESSION_SYNTAX"
    assert error.position is None
    assert "position" not in error.details
    assert "at character" not in str(error)


@settings(max_examples=300, deadline=None)
@given(
    text=st.sampled_from(_SOUND),
    tail=st.sampled_from([")", "]", "}", ":", ";", ",", "payload", "'text'", "`open", "!", "|a"]),
    rest=st.text(max_size=10),
)
def test_what_follows_an_expression_is_the_fault(text: str, tail: str, rest: str) -> None:
    """After a whole expression, whatever cannot go on with it is found, with anything behind."""
    error = check_syntax(f"{text} {tail} {rest}")
    assert error is not None
    assert error.position == len(text) + 1


@settings(max_examples=500, deadline=None)
@given(
    text=st.sampled_from(_SOUND),
    at=st.integers(0, 60),
    length=st.integers(0, 5),
    patch=st.text("$a1.()[]{}'\"`/*:?^|%@#<>-\\! ", max_size=4),
)
def test_the_position_depends_on_nothing_behind_it(
    text: str, at: int, length: int, patch: str
) -> None:
    """Cut off at the fault, the text has another fault or none; the offset lies in the text."""
    broken = text[:at] + patch + text[at + length :]
    error = check_syntax(broken)
    if error is None or error.position is None:
        return
    assert 0 <= error.position <= len(broken)
    if error.position < len(broken.rstrip()) and error.engine_code not in {"S0208", None}:
        former = check_syntax(broken[: error.position])
        assert former is None or former.engine_code != error.engine_code


def test_a_fault_in_a_long_text_is_found_fast() -> None:
    """The search for the place halves the text: a few compilations, not one for each token."""
    text = "payload.x + " * 800 + "a b"
    began = time.process_time()
    error = check_syntax(text)
    assert time.process_time() - began < 0.3
    assert error is not None
    assert error.position == len(text) - 1


@pytest.mark.parametrize(
    ("before", "fault"),
    [
        # An operator that is named, and there once.
        ("payload.total ", "+ payload.name"),
        ("payload.name ", "- 1"),
        ("(1 + 2) ", "* payload.name"),
        ("payload.name ", "< 3"),
        ("[1", "..payload.name]"),
        # A function that is named, or the only one there is.
        ("1 + ", "$foo(1)"),
        ("payload.name & ", "$sum(payload.name)"),
        ("payload.list.", "$lookup(5, 2)"),
    ],
)
def test_what_raised_an_error_has_its_place(before: str, fault: str) -> None:
    """Where the engine names it, or it is the only one that may have raised it."""
    with pytest.raises(ExpressionError) as raised:
        evaluate(before + fault, {"payload": {"name": "n", "total": 1, "list": [1]}}, SOURCES)
    assert raised.value.position == len(before)
    assert raised.value.details["position"] == len(before)
    assert f"at character {len(before) + 1}:" in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 + payload.name",
        "-payload.name - 1",
        "$sum(payload.name) + $count(1)",
        "$map(payload.list, $lookup)",
        "($f := function($x)<n:n>{ $x }; $f(payload.name) + $sum(1))",
        "$error('boom')",
        "payload.name(1)",
        "$foo(1) + $foo(2)",
    ],
)
def test_what_may_stand_in_two_places_has_none(text: str) -> None:
    """Nothing is told that is not certain."""
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, {"payload": {"name": "n", "list": [1]}}, SOURCES)
    assert raised.value.position is None
    assert "at character" not in raised.value.message
