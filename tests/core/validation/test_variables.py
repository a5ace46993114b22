"""Reads of variables and of the payload: what is certainly not there is told, nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from alga_workflows_core.validation.findings import Code, Finding, Severity
from alga_workflows_core.validation.validate import MAX_FINDINGS, validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE, TEXT, record

NEVER = Code.VARIABLE_NEVER_SET
UNKNOWN = Code.PAYLOAD_FIELD_UNKNOWN


def expr(text: str) -> dict[str, str]:
    return {"$expr": text}


def returns(text: str) -> dict[str, Any]:
    return {"id": "end", "type": "control.return", "value": expr(text)}


def sets(*paths: str) -> dict[str, Any]:
    assign = dict.fromkeys(paths, 1)
    return {"id": "set", "type": "transform.assign", "config": {"assign": assign}}


def findings(*steps: dict[str, Any], **members: Any) -> list[Finding]:
    return validate({**SMALLEST, **members, "steps": list(steps)}, CATALOGUE).findings


def codes(*steps: dict[str, Any], **members: Any) -> list[Code]:
    return [found.code for found in findings(*steps, **members)]


LINE: dict[str, Any] = {
    "type": "object",
    "properties": {"sku": TEXT, "price": {"type": "number"}, "tags": {"type": "array"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["note"],
    "properties": {
        "name": TEXT,
        "priority": {"enum": ["low", "high"]},
        "any": {},
        "anything": True,
        "object": {"type": "object"},
        "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        "texts": {"type": "object", "properties": {"a": {}}, "additionalProperties": TEXT},
        "patterns": {"type": "object", "properties": {"a": {}}, "patternProperties": {"^b": {}}},
        "client": {"$ref": "#/$defs/client"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "grid": {"type": "array", "items": {"type": "array", "items": LINE}},
        "pair": {"type": "array", "prefixItems": [LINE], "items": False},
        "untyped": {"properties": {"a": {}}},
        "either": {"anyOf": [LINE, TEXT]},
        "both": {"type": "object", "properties": {"a": {}}, "allOf": [{"required": ["b"]}]},
        "mixed": {"type": ["object", "array"], "properties": {"a": {}}, "items": record({})},
        "maybe": {"type": ["object", "null", "string"], "properties": {"a": {}}},
        "away": {"$ref": "#anchor"},
        "beside": {"type": "object", "properties": {"a": {}}, "$ref": "#anchor"},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {
        "client": {**record({"id": TEXT}), "description": "Who."},
        "line": LINE,
        "far": {"$anchor": "anchor", **record({"id": TEXT})},
        "tree": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        },
    },
}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("vars.a", "vars.a"),
        ("vars.a", "vars.a.b.c"),
        ("vars.a.b", "vars.a"),
        ("vars.a.b.c", "vars.a.b"),
        ("vars.a.b", "vars.a.b.c"),
        ("vars.a", "vars.a[0].b[c > 1].d"),
        ("vars.a-b", "vars.`a-b`"),
        ("vars.a", "$$.vars.a"),
        ("vars.a", "vars"),
        ("vars.a", "vars.*.x"),
        ("vars.a", "$lookup(vars, 'b')"),
        ("vars.a", "$keys(vars)"),
        ("vars.a", "($v := vars; $v.b)"),
        ("vars.a", "payload.vars.b"),
        ("vars.a", "vars.a.(b & c)"),
    ],
)
def test_variables_that_may_be_set(written: str, read: str) -> None:
    """All of a path, a part of it or what is inside is written, or what is read is not certain."""
    assert codes(sets(written), returns(read)) == []


@pytest.mark.parametrize(
    ("written", "read", "name"),
    [
        ("vars.a", "vars.b", "'vars.b'"),
        ("vars.a", "vars.A", "'vars.A'"),
        ("vars.ab", "vars.a", "'vars.a'"),
        ("vars.a.b", "vars.a.c", "'vars.a.c'"),
        ("vars.a.b", "vars.a.c.d", "'vars.a.c'"),
        ("vars.a.b", "vars.b", "'vars.b'"),
        ("vars.a", "vars.b[0].c", "'vars.b'"),
        ("vars.a", "$$.vars.b", "'vars.b'"),
        ("vars.a", "vars.a + vars.b + vars.b", "'vars.b'"),
        ("vars.a", "$exists(vars.b.c[vars.d = 1]) or vars.b.c", "'vars.b'"),
        ("vars.a", "$map(payload.x, function($x) { $x + vars.b })", "'vars.b'"),
        ("vars.a", "{'k': [vars.b]}", "'vars.b'"),
        ("vars.a", "$not(vars.b)", "'vars.b'"),
        ("vars.a", "vars.b = null", "'vars.b'"),
    ],
)
def test_variables_that_nothing_sets(written: str, read: str, name: str) -> None:
    """One warning per expression names the shortest part that is never there."""
    document = {**SMALLEST, "steps": [sets(written), returns(read)]}
    validated = validate(document, CATALOGUE)
    (found,) = validated.findings
    assert (found.code, found.path) == (NEVER, "/steps/1/value/$expr")
    assert found.severity is Severity.WARNING
    assert validated.publishable
    assert name in found.message


@pytest.mark.parametrize(
    "text",
    [
        "$exists(vars.b)",
        "$exists(vars.b.c)",
        "$not($exists(vars.b))",
        "$exists(vars.b[0])",
        "$exists(vars.b[c = 1].d)",
        "$coalesce(vars.b, vars.c, 1)",
        "vars.b ?? 1",
        "vars.b.c ?? vars.a",
        "vars.b ?: 1",
        "(vars.b) ?? 1",
        "vars.a + (vars.b ?? 1)",
    ],
)
def test_to_ask_whether_a_variable_is_there_is_right(text: str) -> None:
    """Whoever asks knows that it may be missing."""
    assert codes(sets("vars.a"), returns(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "$exists(vars.a) and vars.b",
        "$exists($string(vars.b))",
        "$coalesce(vars.b + 1, 1)",
        "1 ?? vars.b",
        "vars.a + vars.b ?? 1",
        "$exists(vars.a[vars.a = $$.vars.b])",
    ],
)
def test_to_use_it_beside_that_is_not(text: str) -> None:
    """Only what is asked for directly is left alone."""
    assert codes(sets("vars.a"), returns(text)) == [NEVER]


def test_a_name_that_is_near_is_suggested() -> None:
    """Of those that are set beside it."""
    (found,) = findings(sets("vars.total", "vars.order.number"), returns("vars.totl"))
    assert found.suggestion == "Did you mean 'total'?"
    (found,) = findings(sets("vars.total", "vars.order.number"), returns("vars.order.numbr"))
    assert found.suggestion == "Did you mean 'number'?"
    (found,) = findings(sets("vars.total"), returns("vars.x"))
    assert found.suggestion is not None
    assert "$exists" in found.suggestion


def _call(**members: Any) -> dict[str, Any]:
    config = {"actionId": "tickets.get", "version": 1, "inputMapping": {"ticketId": "1"}}
    return {"id": "call", "type": "action.call", "config": config, **members}


def _saving_call() -> dict[str, Any]:
    step = _call()
    step["config"]["saveAs"] = "vars.a"
    return step


LABEL: dict[str, Any] = {"id": "label", "type": "state.set", "config": {"state": "x"}}
EVENT: dict[str, Any] = {"eventName": "ORDER_SHIPPED", "assign": {"vars.a": 1}}
TASK: dict[str, Any] = {
    "taskType": "t",
    "title": "T",
    "form": {"type": "object"},
    "assignees": ["ada"],
    "timeout": "P1D",
    "assign": {"vars.a": expr("event.payload")},
}


@pytest.mark.parametrize(
    "step",
    [
        _saving_call(),
        _call(onError={"policy": "continue", "saveAs": "vars.a"}),
        {
            "id": "child",
            "type": "control.callWorkflow",
            "workflowId": "onboard-client",
            "saveAs": "vars.a",
        },
        {
            "id": "child",
            "type": "control.callWorkflow",
            "workflowId": "onboard-client",
            "onError": {"policy": "continue", "saveAs": "vars.a"},
        },
        {
            "id": "loop",
            "type": "control.forEach",
            "items": [1],
            "itemVar": "number",
            "body": [LABEL],
            "output": expr("number"),
            "saveAs": "vars.a",
        },
        {
            "id": "loop",
            "type": "control.forEach",
            "items": [1],
            "itemVar": "number",
            "body": [sets("vars.a.b")],
        },
        {
            "id": "both",
            "type": "control.parallel",
            "branches": [{"id": "one", "steps": [LABEL], "output": 1}],
            "saveAs": "vars.a",
        },
        {
            "id": "try",
            "type": "control.tryCatch",
            "try": [_call()],
            "catch": [LABEL],
            "captureErrorAs": "vars.a",
        },
        {"id": "wait", "type": "event.wait", "config": {**EVENT, "timeout": "P1D"}},
        {
            "id": "wait",
            "type": "event.wait",
            "config": {"any": [{"eventName": "ORDER_CANCELLED"}, EVENT], "timeout": "P1D"},
        },
        {"id": "wait", "type": "event.wait", "config": {"all": [EVENT], "timeout": "P1D"}},
        {"id": "task", "type": "human.task", "config": TASK},
    ],
)
def test_every_way_to_set_a_variable_counts(step: dict[str, Any]) -> None:
    """Wherever in the definition it stands: what is read before is found in a later turn."""
    assert codes(step, returns("vars.a.b")) == []
    assert codes(returns("vars.b")) == [NEVER]
    inside = {"id": "if", "type": "control.if", "condition": expr("payload.x"), "then": [step]}
    read = {"id": "read", "type": "state.set", "config": {"state": expr("vars.a")}}
    assert codes(read, inside) == []


def test_places_that_do_not_see_variables_are_told_so_only() -> None:
    """One mistake, one finding."""
    concurrency = {"key": expr("vars.b"), "limit": 1}
    assert codes(returns("1"), concurrency=concurrency) == [Code.EXPRESSION_NAME_UNKNOWN]


@pytest.mark.parametrize(
    "text",
    [
        "payload",
        "payload.name",
        "payload.note",
        "payload.any.x.y",
        "payload.anything.x",
        "payload.object.x",
        "payload.open.x.y",
        "payload.texts.x",
        "payload.patterns.bc",
        "payload.client.id",
        "payload.lines[0].sku",
        "payload.lines[price > 1].sku",
        "payload.lines.tags.x",
        "$sum(payload.lines.price)",
        "payload.lines{sku: $sum(price)}",
        "payload.grid.sku",
        "payload.grid[0][1].sku",
        "payload.pair.x",
        "payload.untyped.x",
        "payload.either.x",
        "payload.both.c",
        "payload.mixed.a",
        "payload.mixed.x",
        "payload.maybe.a",
        "payload.away.x",
        "payload.beside.id",
        "payload.tree.kids.kids.kids.kids",
        "payload.*.x",
        "payload.**.x",
        "($p := payload; $p.x)",
        "$lookup(payload, 'x')",
        "$map(payload.lines, function($l) { $l.x })",
        "payload.lines[sku = $$.payload.name]",
        "$exists(payload.x)",
        "$exists(payload.lines.x)",
        "payload.x ?? 1",
        "$coalesce(payload.maybe.x, 1)",
    ],
)
def test_fields_that_may_be_there(text: str) -> None:
    """What is described, what the schema leaves open, and what cannot be followed."""
    assert codes(returns(text), payloadSchema=SCHEMA) == []


@pytest.mark.parametrize(
    ("text", "name", "suggests"),
    [
        ("payload.nmae", "'payload.nmae'", "Did you mean 'name'?"),
        ("payload.name.first", "'payload.name.first'", "nothing below it"),
        ("payload.name.length", "'payload.name.length'", "$length(…)"),
        ("payload.priority.level", "'payload.priority.level'", "nothing below it"),
        ("payload.client.iid", "'payload.client.iid'", "Did you mean 'id'?"),
        ("payload.client.name", "'payload.client.name'", "Read one of id."),
        ("$exists(payload.client.name)", "'payload.client.name'", "Read one of id."),
        ("payload.client.id.x", "'payload.client.id.x'", "nothing below it"),
        ("payload.lines[0].skuu", "'payload.lines.skuu'", "Did you mean 'sku'?"),
        ("payload.lines[amount > 1]", "'payload.lines.amount'", "describe it"),
        ("payload.lines.length", "'payload.lines.length'", "$count(…)"),
        ("payload.lines[sku = vars.sku]", "'payload.lines.vars'", "$$.vars"),
        ("payload.lines.payload.name", "'payload.lines.payload'", "$$.payload"),
        ("payload.grid.x", "'payload.grid.x'", "sku, price, tags"),
        ("payload.maybe.b", "'payload.maybe.b'", "Read one of a, or describe it"),
        ("payload.tree.kids.kid", "'payload.tree.kids.kid'", "Did you mean 'kids'?"),
        ("payload.zzz.x.y & payload.zzz.z", "'payload.zzz'", "describe it"),
    ],
)
def test_fields_that_are_not_there(text: str, name: str, suggests: str) -> None:
    """One warning names the shortest part that the schema does not have, and what it has."""
    (found,) = findings(sets("vars.sku"), returns(text), payloadSchema=SCHEMA)
    assert (found.code, found.path) == (UNKNOWN, "/steps/1/value/$expr")
    assert found.severity is Severity.WARNING
    assert name in found.message
    assert found.suggestion is not None
    assert suggests in found.suggestion


def test_the_schema_may_be_an_events() -> None:
    """`payloadSchemaRef` names it; of what is not known nothing is said."""
    members: dict[str, Any] = {"payloadSchemaRef": "CLIENT_REPLIED"}
    assert codes(returns("payload.text"), **members) == []
    assert codes(returns("payload.txt"), **members) == [UNKNOWN]
    assert codes(returns("payload.txt"), payloadSchemaRef="ORDER_SHIPPED") == []
    document = {**SMALLEST, **members, "steps": [returns("payload.txt")]}
    assert validate(document, replace(CATALOGUE, events=None)).findings == []


def test_without_a_schema_nothing_is_said() -> None:
    """Any payload is accepted then."""
    assert codes(returns("payload.x.y")) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}},
        {"type": "array", "items": {"$ref": "#"}},
        {"$ref": "#"},
        {"type": 1, "properties": 2, "required": 3},
        {"type": "object", "properties": {"a": []}, "required": {}},
        {"type": ["object", 1], "properties": {"b": {"items": 1}}},
    ],
)
def test_schemas_that_are_wrong_are_no_trouble(schema: dict[str, Any]) -> None:
    """They are a mistake of their own; what reads the payload is answered all the same."""
    found = codes(returns("payload.a.b.c"), payloadSchema=schema)
    assert Code.PAYLOAD_FIELD_UNKNOWN in found or Code.PAYLOAD_SCHEMA_INVALID in found or not found


def test_thousands_of_mistakes_take_no_longer_than_thousands_of_expressions() -> None:
    """With thousands of variables to compare with, too."""
    read = [expr(f"vars.f{number}") for number in range(10_000)]
    step = sets(*(f"vars.g{number}" for number in range(5_000)))
    begin = time.perf_counter()
    found = findings(step, {"id": "end", "type": "control.return", "value": read})
    assert [each.code for each in found] == [NEVER] * MAX_FINDINGS
    assert time.perf_counter() - begin < 5
