"""Matching: which events meet which filters."""

from __future__ import annotations

import pytest

from alga_workflows_core.definition.event_matching import first_refusal
from alga_workflows_core.definition.events import FilterOp
from alga_workflows_core.types.json import Json, JsonObject

ABSENT = object()
OPERATORS = tuple(FilterOp.__args__)


TABLE: list[tuple[FilterOp, Json, list[Json], list[Json]]] = [
    ("=", 5, [5, 5.0], [6, "5", True, None, [5]]),
    ("=", 1, [1], [True]),
    ("=", True, [True], [1, "true", False]),
    ("=", None, [None], [0, "", False]),
    ("=", "a", ["a"], ["A", "ab", ""]),
    ("=", [1, {"a": 2}], [[1, {"a": 2}], [1.0, {"a": 2}]], [[1], [{"a": 2}, 1], [True]]),
    ("=", {"a": 1}, [{"a": 1}, {"a": 1.0}], [{"a": True}, {"a": 1, "b": 2}, {}, {"b": 1}]),
    ("!=", 5, [6, "5", None, True], [5, 5.0]),
    ("in", [1, "a", None], [1, 1.0, "a", None], [2, True, [1], "A"]),
    ("in", "a", ["a"], ["b", ["a"]]),
    ("in", [], [], [1, None]),
    ("not_in", [1, "a"], [2, True, None], [1, "a"]),
    ("not_in", "a", ["b"], ["a"]),
    ("exists", None, [0, "", False, [], {}], [None]),
    ("not_exists", None, [None], [0, "", False]),
    (">", 5, [6, 5.1], [5, 4, "6", True, None, [6]]),
    (">=", 5, [5, 5.0, 6], [4, "5", None]),
    ("<", 5, [4, 4.9], [5, 6, "4", False, None]),
    ("<=", 5, [5, 4], [6, "5", None]),
    (">", "b", ["c", "ba"], ["b", "a", 3]),
    ("<=", "b", ["b", "a", ""], ["c"]),
    (">", True, [], [True, 2, "z"]),
    ("<", None, [], [None, 0]),
    ("contains", "ell", ["hello"], ["hall", 5, None, {"ell": 1}]),
    ("contains", 1, [[1, 2], [1.0]], [[True], [[1]], "1", 1]),
    ("contains", {"a": 1}, [[{"a": 1}]], [{"a": 1}, []]),
    ("starts_with", "he", ["hello", "he"], ["the", "", 5, ["he"], None]),
    ("ends_with", "lo", ["hello", "lo"], ["low", "", 5, None]),
    ("starts_with", 1, [], [1, "1", [1]]),
    ("ends_with", None, [], [None, ""]),
]
"""Operator, the filter's value, what meets it and what does not."""


def meets(found: object, op: str, value: Json = None) -> bool:
    """Whether an event with `found` at `payload.x` meets one filter."""
    payload = {} if found is ABSENT else {"x": found}
    event: JsonObject = {"name": "E", "payload": payload}
    return first_refusal(event, [{"path": "payload.x", "op": op, "value": value}]) is None


@pytest.mark.parametrize(("op", "value", "accepted", "refused"), TABLE)
def test_an_operator_accepts_and_refuses(
    op: str, value: Json, accepted: list[Json], refused: list[Json]
) -> None:
    """Values are compared as JSON: types never fit each other, but 1 is 1.0."""
    assert [found for found in accepted if not meets(found, op, value)] == []
    assert [found for found in refused if meets(found, op, value)] == []


@pytest.mark.parametrize("op", OPERATORS)
def test_what_is_missing(op: str) -> None:
    """What is not there meets `not_exists`, `!=` and `not_in`, and no other operator."""
    assert meets(ABSENT, op, "a") == (op in ("not_exists", "!=", "not_in"))


@pytest.mark.parametrize("op", OPERATORS)
def test_every_operator_takes_any_value(op: str) -> None:
    """No pair of values breaks an operator."""
    values: list[Json] = [None, True, 0, 1.5, "", "a", [], [1], {}, {"a": 1}]
    for found in values:
        for value in values:
            assert meets(found, op, value) in (True, False)


def test_paths_lead_through_objects_only() -> None:
    """A path that ends early, or leads through a list or a text, finds nothing."""
    event: JsonObject = {"source": "bank", "payload": {"a": {"b": 1}, "list": [{"b": 1}], "t": "x"}}

    def exists(path: str) -> bool:
        return first_refusal(event, [{"path": path, "op": "exists"}]) is None

    assert exists("source")
    assert exists("payload")
    assert exists("payload.a.b")
    assert not exists("payload.a.b.c")
    assert not exists("payload.list.b")
    assert not exists("payload.t.x")
    assert not exists("payload.a.c")


def test_the_first_refusal_is_told() -> None:
    """All filters have to be met; the answer names the first that is not, or None."""
    event: JsonObject = {"payload": {"x": 1}}
    good = {"path": "payload.x", "op": "=", "value": 1}
    bad = {"path": "payload.x", "op": "=", "value": 2}
    assert first_refusal(event, []) is None
    assert first_refusal(event, [good, good]) is None
    assert first_refusal(event, [good, bad, bad]) == 1
