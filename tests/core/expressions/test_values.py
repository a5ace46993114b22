"""What an expression's value is: over a context, as a condition, as a loop's items."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions.engine import (
    ExpressionError,
    Sources,
    evaluate,
    evaluate_condition,
    evaluate_items,
)

NOON = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)

CONTEXT: dict[str, Any] = {
    "payload": {
        "name": "Ada",
        "orders": [
            {"id": 1, "open": True, "sum": 10.5},
            {"id": 2, "open": False, "sum": 20},
            {"id": 3, "open": False, "sum": 0},
        ],
        "nothing": None,
    },
    "vars": {"matrix": [[1, 2], [3, 4]]},
    "item": {"price": 7},
}

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def seeded(seed: int) -> Random:
    """A source of chance that can be repeated."""
    return Random(seed)  # noqa: S311 - repeatable is the point


def sources(seed: int = 1) -> Sources:
    return Sources(now=lambda: NOON, random=seeded(seed).random)


READ: list[tuple[str, object]] = [
    ("payload.name", "Ada"),
    ("'Dear ' & payload.name", "Dear Ada"),
    ("item.price * 2", 14),
    ("$sum(payload.orders.sum)", 30.5),
    ("payload.orders[open].id", 1),
    ("payload.orders.id", [1, 2, 3]),
    ("vars.matrix", [[1, 2], [3, 4]]),
    ('{"who": payload.name, "gone": payload.gone}', {"who": "Ada"}),
    ("[payload.gone]", []),
    ("payload.gone", None),
    ("payload.nothing", None),
    ("$sum", None),
    ("10 / 4", 2.5),
    ("1e20", 1e20),
    ("null", None),
    ("false", False),
    ("[]", []),
    ("{}", {}),
    ("''", ""),
    ("[null]", [None]),
    ("[payload.gone, null, false, []]", [None, False, []]),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_value_is_read_from_the_context(text: str, value: object) -> None:
    """Names of the context are top-level keys; undefined and functions are null."""
    assert evaluate(text, CONTEXT, sources()) == value


def test_a_context_may_be_any_mapping() -> None:
    """A read-only view of names works like a dict."""
    view = MappingProxyType(CONTEXT)
    assert evaluate("payload.name", view, sources()) == "Ada"
    assert evaluate_condition("item.price = 7", view, sources()) is True
    assert evaluate_items("$keys($)", view, sources()) == ["payload", "vars", "item"]


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("payload.name = 'Ada'", True),
        ("payload.name = 'Bob'", False),
        ("payload.gone", False),
        ("payload.nothing", False),
        ("payload.orders[id = 1].open", True),
        ("payload.gone = 1", False),
        ("true", True),
        ("false", False),
        ("null", False),
        ("$sum", False),
        ("function($x) { $x }", False),
    ],
)
def test_a_condition_is_true_false_or_undefined(text: str, truth: bool) -> None:
    """Undefined and null conditions are false."""
    assert evaluate_condition(text, CONTEXT, sources()) is truth


@pytest.mark.parametrize(
    "text", ["1", "0", "'true'", "''", "[]", "[true]", "payload", "payload.orders.open"]
)
def test_a_condition_of_another_kind_is_refused(text: str) -> None:
    """A number, text, list or object is not taken for true or false."""
    with pytest.raises(ExpressionError) as caught:
        evaluate_condition(text, CONTEXT, sources())
    assert caught.value.error_code == "CONDITION_NOT_BOOLEAN"
    assert "neither true nor false" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("payload.orders.id", [1, 2, 3]),
        ("payload.orders[open]", [{"id": 1, "open": True, "sum": 10.5}]),
        ("payload.orders[sum > 99]", []),
        ("payload.gone", []),
        ("payload.nothing", []),
        ("payload.name", ["Ada"]),
        ("[]", []),
        ("[[1, 2]]", [[1, 2]]),
        ("vars.matrix[0]", [1, 2]),
        ("0", [0]),
        ("false", [False]),
        ("[1..3]", [1, 2, 3]),
        ("null", []),
        ("[null]", [None]),
        ("$sum", []),
    ],
)
def test_loop_items_are_always_a_list(text: str, items: list[object]) -> None:
    """Nothing is no item, and a query with one match loops once over that match."""
    assert evaluate_items(text, CONTEXT, sources()) == items


def spoil(value: Any) -> None:
    """Change every list and object inside `value` in place."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        for item in items:
            spoil(item)
        items.append("spoiled")
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for item in fields.values():
            spoil(item)
        fields["spoiled"] = True


@given(
    value=JSON_VALUES,
    text=st.sampled_from(
        [
            "payload",
            "$",
            "payload.a",
            "[payload, payload]",
            '{"a": payload, "b": vars}',
            "$merge([{}, $])",
            "$coalesce(payload, vars)",
            "$shuffle([payload, vars])",
            "$reverse([payload])",
            "$append(payload, vars)",
            "($x := payload; $x)",
            "$map([payload], function($v) { $v })",
            '$ ~> |payload|{"new": 1}|',
            "**",
        ]
    ),
)
@settings(max_examples=150, deadline=None)
def test_a_result_shares_nothing_with_the_context(value: Any, text: str) -> None:
    """Whatever is done to a result, the context stays as it was, and the other way round."""
    context = {"payload": value, "vars": {"a": [value]}}
    before = copy.deepcopy(context)
    try:
        result, other = (evaluate(text, context, sources()) for _ in range(2))
    except ExpressionError:
        result = other = None
    kept = copy.deepcopy(other)
    spoil(result)
    assert context == before
    assert other == kept
    spoil(context)
    assert other == kept


def test_a_result_shares_nothing_with_itself() -> None:
    """A list that occurs twice in a result is two lists, which may be changed one by one."""
    first, second = evaluate("[[x], [x]]", {"x": {"a": 1}}, sources())
    spoil(first)
    assert second == [{"a": 1}]


@given(value=JSON_VALUES)
@settings(max_examples=100, deadline=None)
def test_a_value_passes_through_unchanged(value: Any) -> None:
    """Reading a name gives an equal value, kind by kind."""
    result = evaluate("$", {"payload": value}, sources())
    assert result == {"payload": value}
    assert repr(result) == repr({"payload": value})


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("1 / 0", {}),
        ("0 / 0", {}),
        ("-1 / 0", {}),
        ("[1, {'a': 1 / 0}]", {}),
        ("9007199254740992", {}),
        ("$power(2, 60)", {}),
        ("$sum([9007199254740991, 1])", {}),
        ("{'a': [{'b': -(1 / 0)}]}", {}),
        ("x", {"x": float("inf")}),
        ("$sqrt(1 / 0)", {}),
        ("-$power(2, 60)", {}),
        ("$", {"big": 2**53}),
        ("$", {"huge": 2**70}),
        ("$", {"half": "\ud800"}),
        ("$", {"\ud800": 1}),
        ("$", {"x": float("nan")}),
        ("$", {"x": {1: 2}}),
        ("$", {"x": NOON}),
    ],
)
def test_a_result_that_is_not_json_is_refused(text: str, context: dict[str, Any]) -> None:
    """Infinity, big integers, half surrogate pairs and other objects never come out."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, context, sources())
    assert caught.value.error_code == "EXPRESSION_RESULT"


def test_the_largest_safe_integers_are_kept() -> None:
    """Whole numbers up to 2^53 - 1 pass exactly."""
    assert evaluate("[x, -x]", {"x": 2**53 - 1}, sources()) == [2**53 - 1, -(2**53) + 1]


@pytest.mark.parametrize(
    "value", [NOON, b"bytes", 2**70, "\ud800", (1, 2), object()], ids=lambda v: type(v).__name__
)
def test_a_context_that_is_not_json_is_an_error_not_a_crash(value: object) -> None:
    """What is not JSON in the context is an error of the expression that reads it."""
    with pytest.raises(ExpressionError) as caught:
        evaluate("[payload.x]", {"payload": {"x": value}}, sources())
    assert caught.value.error_code == "EXPRESSION_TYPE"
    assert evaluate("payload.y", {"payload": {"x": value, "y": 1}}, sources()) == 1
