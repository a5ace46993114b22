"""Filters of triggers and waits: which literals can be compared, and what never matches."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.validate import validate
from tests.core.validation.world import record

TEXT: dict[str, Any] = {"type": "string"}
CAME = record(
    {"name": TEXT, "count": {"type": "integer"}, "share": {"type": "number"}},
    level={"enum": ["low", "high", 3]},
    tags={"type": "array", "items": TEXT},
    lines={"type": "array", "items": record({"sku": TEXT})},
    client=record({"id": TEXT}),
    open={"type": "object", "properties": {"a": TEXT}},
    mixed={"type": ["array", "object"], "properties": {"a": TEXT}},
    any={},
    maybe={"type": ["string", "null"]},
    either={"oneOf": [record({"a": TEXT}), record({"b": TEXT})]},
)
CATALOGUE = Catalogue(actions={}, events={"CAME": CAME, "FREE": None})
EXPR = {"$expr": "payload.x"}


def found_in(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(severity, code, path) of the findings about events."""
    validated = validate(document, CATALOGUE)
    assert validated.definition is not None, validated.findings
    return [
        (found.severity, found.code, found.path)
        for found in validated.findings
        if found.code.startswith(("EVENT_", "FILTER_"))
    ]


def triggered(*filters: dict[str, Any], event: str = "CAME") -> dict[str, Any]:
    return {
        "id": "a",
        "name": "A",
        "trigger": {"type": "event", "eventName": event, "filters": list(filters)},
        "steps": [{"id": "end", "type": "control.return"}],
    }


def waiting(**config: Any) -> dict[str, Any]:
    wait = {"id": "wait", "type": "event.wait", "config": {"timeout": "PT1H", **config}}
    return {"id": "a", "name": "A", "steps": [wait]}


def compared(path: str, op: str, *value: Any) -> dict[str, Any]:
    return {"path": path, "op": op, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    "condition",
    [
        compared("payload.name", "=", "a"),
        compared("payload.name", "!=", "a"),
        compared("payload.count", "=", 2.0),
        compared("payload.count", ">", 1.5),
        compared("payload.share", "<=", 1),
        compared("payload.level", "in", ["low", 3]),
        compared("payload.level", "not_in", ["low"]),
        compared("payload.level", "=", None),
        compared("payload.level", "!=", None),
        compared("payload.maybe", "in", [None, "a"]),
        compared("payload.tags", "contains", "a"),
        compared("payload.lines.sku", "=", "a"),
        compared("payload.lines.other", "=", 1),
        compared("payload.mixed.a", "=", 5),
        compared("payload.client.id", "starts_with", "a"),
        compared("payload.open.more", "=", True),
        compared("payload.any.more", "=", 1),
        compared("payload.either.c", "=", 1),
        compared("payload.level", "starts_with", "l"),
        compared("payload.tags", "exists"),
        compared("payload", "not_exists"),
        compared("source", "ends_with", "/desk"),
        compared("correlationKey", "=", "x"),
        compared("time", ">", "2026-01-01T00:00:00Z"),
    ],
    ids=str,
)
def test_what_may_match_is_let_pass(condition: dict[str, Any]) -> None:
    """Through lists, alternatives and what the schema leaves open nothing is followed."""
    assert found_in(triggered(condition)) == []
    assert found_in(waiting(eventName="CAME", filters=[condition])) == []
    assert found_in(triggered(condition, event="FREE")) == []


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        (compared("payload.any", "=", ["a"]), ""),
        (compared("payload.any", "!=", {"a": 1}), ""),
        (compared("payload.any", "in", "a"), ""),
        (compared("payload.any", "not_in", {"a": 1}), ""),
        (compared("payload.any", "in", ["a", ["b"]]), "/1"),
        (compared("payload.any", "contains", 5), ""),
        (compared("payload.any", "starts_with", None), ""),
        (compared("payload.any", "ends_with", ["a"]), ""),
        (compared("payload.any", "<", True), ""),
        (compared("payload.any", ">=", None), ""),
    ],
    ids=str,
)
def test_what_cannot_be_compared_is_an_error(condition: dict[str, Any], where: str) -> None:
    """Of whatever event, known or not."""
    place = f"filters/0/value{where}"
    error = ("error", "FILTER_VALUE_INVALID")
    assert found_in(triggered(condition)) == [(*error, f"/trigger/{place}")]
    assert found_in(triggered(condition, event="FREE")) == [(*error, f"/trigger/{place}")]
    match = {"eventName": "CAME", "filters": [condition]}
    assert found_in(waiting(all=[match])) == [(*error, f"/steps/0/config/all/0/{place}")]


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        (compared("payload.name", "=", 5), ""),
        (compared("payload.name", "!=", True), ""),
        (compared("payload.count", "=", 2.5), ""),
        (compared("payload.count", ">", "2"), ""),
        (compared("payload.name", "<", 2), ""),
        (compared("payload.count", "contains", "2"), ""),
        (compared("payload.level", "=", "hihg"), ""),
        (compared("payload.level", "in", ["low", "hihg"]), "/1"),
        (compared("payload.level", "not_in", ["mid"]), "/0"),
        (compared("payload.client", "=", "x"), ""),
        (compared("payload.any", "in", []), ""),
        (compared("id", "=", 5), ""),
    ],
    ids=str,
)
def test_what_has_one_outcome_is_a_warning(condition: dict[str, Any], where: str) -> None:
    """As the event's schema says."""
    path = f"/trigger/filters/0/value{where}"
    assert found_in(triggered(condition)) == [("warning", "FILTER_VALUE_INVALID", path)]


@pytest.mark.parametrize(
    "path",
    ["payload.nam", "payload.client.name", "payload.name.first", "id.x", "payload.count.a.b"],
)
def test_a_place_that_no_event_has_is_a_warning(path: str) -> None:
    """And its value is not judged then."""
    condition = compared(path, "=", 5)
    expected = ("warning", "FILTER_PATH_UNKNOWN", "/trigger/filters/0/path")
    assert found_in(triggered(condition)) == [expected]


def test_expressions_in_waits_are_not_judged() -> None:
    """They are known when the wait opens, in lists too."""
    filters = [
        compared("payload.level", "in", EXPR),
        compared("payload.level", "in", [EXPR, "low"]),
        compared("payload.count", "=", EXPR),
    ]
    assert found_in(waiting(eventName="CAME", filters=filters)) == []


def test_every_event_that_is_looked_for_has_to_be_known() -> None:
    """Of triggers and of each alternative of a wait; if nothing is known, nothing is said."""
    document = waiting(any=[{"eventName": "CAME"}, {"eventName": "CAMEL"}, {"eventName": "FREE"}])
    document["trigger"] = {"type": "event", "eventName": "GONE"}
    assert found_in(document) == [
        ("warning", "EVENT_UNKNOWN", "/steps/0/config/any/1/eventName"),
        ("warning", "EVENT_UNKNOWN", "/trigger/eventName"),
    ]
    assert validate(document, Catalogue(actions={})).findings == []
