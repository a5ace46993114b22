"""Functions of the engine that are held in bounds mean what they meant, and no longer explode."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, cast

import jsonatapy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions import limits
from alga_workflows_core.expressions.engine import ExpressionError, Sources, evaluate

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)

SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 2, -1, 0.0, 1.0, 1.5, "", "a", "b", "1", "true"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)

TEXTS = [
    "$distinct(x)",
    "[$distinct(x)]",
    "$distinct(x.a)",
    "x.$distinct(a)",
    "$distinct(x)[0]",
    "$distinct(x)^(a)",
    "$count($distinct(x))",
    "$exists($distinct(x.a))",
    "$map(x, $distinct)",
    "$map(x, function($v) { $distinct($v) })",
    "x ~> $distinct",
    "x[$count($distinct($)) = 1]",
    "$distinct()",
    "$distinct(x, 1)",
    "$keys(x)",
    "[$keys(x)]",
    "x.$keys($)",
    "$keys(x)[1]",
    "$keys()",
    "$exists($keys(x))",
    "$map(x, $keys)",
    "x ~> $map($keys)",
    "x{$string($keys($)): $distinct(a)}",
    "$distinct($keys(x))[]",
    "$join(x)",
    "$join(x.a, '-')",
    "$join(x.$string(), ', ')",
    "$map([x], $join(?, ''))",
    "x ~> $join(gone)",
    "$replace($string(x), 'a', 'b')",
    "$string(x).$replace(/a|b/, '<$0>', 1)",
    "x.$replace('a', 'b')",
    "$replace('aXa', /x/i, function($m) { $m.match & '!' })",
    "$formatNumber(x, '0.0')",
    "x.$formatNumber('0,0', {'decimal-separator': ','})",
    "$map(x, $formatNumber(?, '0'))",
    "(12.5).$formatNumber('0.00')",
    "$formatNumber(x)",
]


def comparable(value: Any) -> Any:
    """`value` with true told from 1; in what order an object holds its keys means nothing."""
    if isinstance(value, list):
        return [comparable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in cast("dict[str, Any]", value).items()}
    return (value,) if isinstance(value, bool) else value


def ours(text: str, context: dict[str, Any]) -> Any:
    try:
        return comparable(evaluate(text, context, SOURCES))
    except ExpressionError as error:
        return ExpressionError, error.engine_code


def engines(text: str, context: dict[str, Any]) -> Any:
    """What the engine's own functions make of it, or the code in their message."""
    try:
        return comparable(jsonatapy.compile(text).evaluate(context))
    except ValueError as error:
        code = re.search(r"\b[DST]\d{4}\b", str(error))
        return ExpressionError, code and code[0]


@given(items=st.lists(VALUES, max_size=5), text=st.sampled_from(TEXTS))
@settings(max_examples=600, deadline=None)
def test_small_values_are_the_engines(items: list[Any], text: str) -> None:
    """On what is small, each of them answers or refuses exactly as the engine does."""
    assert ours(text, {"x": items}) == engines(text, {"x": items})


ALIKE: list[Any] = [
    *[True, 1, 1.0, "1", "1.0", "true", False, 0, -0.0, "", None, [], {}, [[]]],
    *[[1], [True], ["1"], {"a": 1}, {"a": True}, {"a": None}, ["a", 1], [["a", 1]]],
    *[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}, {"a": 2, "b": 1}, [1, 2], [2, 1], 2**53 - 2, 2**53 - 1],
]


@example(items=ALIKE, text="$distinct(x)")
@given(items=st.lists(VALUES, max_size=12), text=st.sampled_from(TEXTS[:11]))
@settings(max_examples=60, deadline=None)
def test_large_lists_are_compared_as_the_engine_does(items: list[Any], text: str) -> None:
    """Past 500 items the comparison is ours, and its result still the engine's."""
    context = {"x": (items or [1]) * (limits.MAX_COMPARED_PAIRWISE // max(1, len(items)) + 1)}
    assert ours(text, context) == engines(text, context)


@pytest.mark.parametrize(
    ("text", "items", "count"),
    [
        (
            "$count($distinct(x))",
            [{"id": n % 8_000, "s": "a" * 50} for n in range(10_000)],
            8_000,
        ),
        ("$count($distinct(x))", [[n, {"a": [n]}] for n in range(5_000)], 5_000),
        ("$count($distinct(x))", [str(n) for n in range(20_000)], 20_000),
        ("$count($keys(x))", [{f"k{n}": n, "all": n} for n in range(19_999)], 20_000),
        (
            "$count($keys(x))",
            [{f"k{n}": n for n in range(m, m + 10_000)} for m in (0, 10_000)],
            20_000,
        ),
    ],
)
def test_many_items_take_no_time(text: str, items: list[Any], count: int) -> None:
    """What took the engine seconds in which nothing could stop it takes a fraction of one."""
    begun = time.perf_counter()
    assert evaluate(text, {"x": items}, SOURCES) == count
    assert time.perf_counter() - begun < 7


def nested(depth: int, value: Any) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "context", "code"),
    [
        ("$distinct(x)", {"x": list(range(20_001))}, "EXPRESSION_LIMIT"),
        ("$keys(x)", {"x": [{f"k{n}": n} for n in range(20_001)]}, "EXPRESSION_LIMIT"),
        ("$count($distinct(x))", {"x": [nested(150, n) for n in range(501)]}, "EXPRESSION_LIMIT"),
        ("$count($distinct(x))", {"x": [2**70] * 501}, "EXPRESSION_TYPE"),
        ("$count($distinct(x))", {"x": [(1,)] * 501}, "EXPRESSION_TYPE"),
        ("$join(x, y)", {"x": ["a"] * 1_000, "y": "b" * 10_001}, "EXPRESSION_LIMIT"),
        ("$join(x, y)", {"x": ["a"] * 100_000, "y": "b" * 101}, "EXPRESSION_LIMIT"),
        ("$join($map([1..11], function($i) { x }))", {"x": "a" * 1_000_000}, "EXPRESSION_LIMIT"),
        ("$replace(x, 'a', y)", {"x": "a" * 10_000, "y": "b" * 1_001}, "EXPRESSION_LIMIT"),
        ("$replace(x, /a/, y)", {"x": "a" * 10_000, "y": "b" * 1_001}, "EXPRESSION_LIMIT"),
        ("$length($replace(x, /a+/, y))", {"x": "a" * 10_000, "y": "$0" * 501}, "EXPRESSION_LIMIT"),
        ("x.$replace('a', $$.y)", {"x": "a" * 10_000, "y": "b" * 1_001}, "EXPRESSION_LIMIT"),
        ("$formatNumber(1/0, '0e0')", {}, "EXPRESSION_TYPE"),
        ("(-1/0).$formatNumber('0.0e0')", {}, "EXPRESSION_TYPE"),
        ("$map([1/0], $formatNumber(?, '0e0'))", {}, "EXPRESSION_TYPE"),
    ],
)
def test_what_would_explode_is_refused(text: str, context: dict[str, Any], code: str) -> None:
    """Too many different items, too long a text or an endless search is an error, at once."""
    begun = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, context, SOURCES)
    assert caught.value.error_code == code
    assert caught.value.expression == text
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    ("text", "context", "length"),
    [
        ("$length($join(x, y))", {"x": ["a"] * 1_000, "y": "b" * 9_900}, 1_000 + 999 * 9_900),
        ("$length($join(x))", {"x": ["ab"] * 100_000}, 200_000),
        ("$length($replace(x, 'a', y))", {"x": "a" * 10_000, "y": "b" * 1_000}, 10_000_000),
        ("$length($replace(x, 'c', y))", {"x": "a" * 10_000 + "c", "y": "b" * 10_000}, 20_000),
        ("$length($replace(x, 'a', y, 2))", {"x": "a" * 10_000, "y": "b" * 10_000}, 29_998),
    ],
)
def test_a_long_text_within_the_limit_is_made(
    text: str, context: dict[str, Any], length: int
) -> None:
    """Ten million characters may be written, and few long replacements are told from many."""
    assert evaluate(text, context, SOURCES) == length


def test_an_authors_own_function_of_that_name_wins() -> None:
    """A definition in the expression covers ours, as it covers the engine's."""
    text = "($distinct := function($v) { 'mine' }; $keys := 5; [$distinct([1, 1]), $keys])"
    assert json.dumps(evaluate(text, {}, SOURCES)) == '["mine", 5]'


@pytest.mark.parametrize(
    "text", ["$distinct([1, 1]) /* end */", "/* $keys */ 1", "'$join'", "a.keys", "1 ~> $distinct"]
)
def test_a_mention_anywhere_changes_nothing(text: str) -> None:
    """Comments, texts and fields of such a name, and comments at the end, are harmless."""
    context = {"a": {"keys": 3}}
    assert evaluate(text, context, SOURCES) == jsonatapy.compile(text).evaluate(context)


@pytest.mark.parametrize("text", ["$distinct(1)) + (2", "1; $keys(x)", "$join(x) 5", "$replace(1"])
def test_what_is_no_expression_is_still_none(text: str) -> None:
    """What we put around an expression does not make valid what is not."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, {}, SOURCES)
    assert caught.value.error_code == "EXPRESSION_SYNTAX"
