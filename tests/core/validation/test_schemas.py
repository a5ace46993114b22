"""Schemas of payloads, results and forms, and results that certainly do not fit."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from alga_workflows_core.validation.findings import Code, Severity
from alga_workflows_core.validation.plain import is_plain
from alga_workflows_core.validation.schema_faults import schema_faults
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE

OBJECT: dict[str, Any] = {"type": "object"}
X = {"$expr": "payload.x"}
END: dict[str, Any] = {"id": "end", "type": "control.return"}


def found(**members: Any) -> list[tuple[Code, str]]:
    findings = validate({**SMALLEST, **members}, CATALOGUE).findings
    return [(each.code, each.path) for each in findings]


def returned(schema: Any, *value: Any) -> list[str]:
    """The places, inside the value, of what does not fit; the step itself is `-`."""
    end = {**END, "value": value[0]} if value else END
    findings = found(resultSchema=schema, steps=[end])
    assert {code for code, _ in findings} <= {Code.RESULT_INVALID}
    places = [path.removeprefix("/steps/0") for _, path in findings]
    return [place.removeprefix("/value") if place else "-" for place in places]


def test_events_whose_schema_is_taken_have_to_be_there() -> None:
    """If events are known at all."""
    assert found(payloadSchemaRef="ORDER_SHIPPED") == []
    unknown = {**SMALLEST, "payloadSchemaRef": "ORDER_SHIPED"}
    (finding,) = validate(unknown, CATALOGUE).findings
    assert finding.suggestion == "Did you mean 'ORDER_SHIPPED'?"
    assert validate(unknown, replace(CATALOGUE, events=None)).findings == []


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({}, None),
        (OBJECT, None),
        ({"type": ["object", "null"]}, None),
        ({"$ref": "#/$defs/a", "$defs": {"a": OBJECT}}, None),
        ({"type": "string"}, "/type"),
        ({"type": ["string", "null"]}, "/type"),
        ({"properties": {"a": {"minLength": -1}}}, "/properties/a/minLength"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
    ],
)
def test_a_form_is_a_schema_of_objects(form: dict[str, Any], place: str | None) -> None:
    """Whether written out or by reference."""
    config = {"taskType": "t", "title": "T", "timeout": "P1D", "assignees": ["ada"], "form": form}
    step = {"id": "ask", "type": "human.task", "config": config}
    wanted = [] if place is None else [(Code.FORM_INVALID, f"/steps/0/config/form{place}")]
    assert found(steps=[step]) == wanted


@pytest.mark.parametrize(
    ("schema", "value", "places"),
    [
        (OBJECT, X, []),
        (OBJECT, {"a": X}, []),
        (OBJECT, [X], [""]),
        ({"type": "string"}, "a", []),
        ({"type": "string"}, 1, [""]),
        ({"const": None}, 1, [""]),
        ({"required": ["a", "b"]}, {"a": X}, [""]),
        ({"required": ["a"]}, {"a": X}, []),
        ({"additionalProperties": False}, {"a": X}, [""]),
        ({"additionalProperties": {"type": "string"}}, {"a": X, "b": 1}, ["/b"]),
        ({"properties": {"a": {"type": "string"}}}, {"a": X}, []),
        ({"properties": {"a": {"type": "string"}}}, {"a": [X]}, ["/a"]),
        ({"properties": {"a": {"properties": {"$expr": False}}}}, {"a": X}, []),
        ({"properties": {"~/": {"type": "string"}}}, {"~/": 1}, ["/~0~1"]),
        ({"items": {"maximum": 5}}, [X, 6, X, 7], ["/1", "/3"]),
        ({"maxItems": 1}, [X, X], [""]),
        ({"minItems": 3}, [X, X], [""]),
        ({"uniqueItems": True}, [X, X], []),
        ({"uniqueItems": True}, [1, 1, X], []),
        ({"contains": {"const": 1}}, [X], []),
        ({"contains": {"const": 1}}, [2], [""]),
        ({"enum": [{"a": 1}]}, {"a": X}, []),
        ({"enum": [{"a": 1}]}, {"a": 2}, [""]),
        ({"anyOf": [{"type": "string"}, {"required": ["a"]}]}, {"b": X}, []),
        ({"anyOf": [{"type": "string"}, {"required": ["a"]}]}, {"b": 1}, [""]),
        ({"not": OBJECT}, {"a": X}, []),
        ({"allOf": [{"required": ["a"]}]}, {"b": X}, [""]),
        (
            {"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}},
            {"a": X},
            [],
        ),
        (
            {"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}},
            {"a": 1},
            [""],
        ),
        (
            {"if": {"properties": {"a": {"const": 1}}}, "else": {"required": ["b"]}},
            {"a": X},
            [],
        ),
        (
            {"if": {"properties": {"a": OBJECT}}, "then": {"required": ["b"]}},
            {"a": X},
            [],
        ),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, [""]),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}}, [[X]], []),
    ],
)
def test_only_what_certainly_does_not_fit_is_told(
    schema: dict[str, Any], value: Any, places: list[str]
) -> None:
    """Expressions may give whatever is wanted; what is around them may not."""
    assert returned(schema, value) == places


def test_no_value_is_null() -> None:
    """Which some schemas take."""
    assert returned(OBJECT) == ["-"]
    assert returned({"type": ["object", "null"]}) == []
    assert returned({}) == []


def step(kind: str, **members: Any) -> dict[str, Any]:
    return {"id": kind.replace(".", "-"), "type": kind, **members}


NOTE = step("state.set", config={"state": "A"})
DONE: dict[str, Any] = {**END, "value": {}}
IF = {"condition": {"$expr": "payload.x = 1"}}


@pytest.mark.parametrize(
    ("steps", "is_open"),
    [
        ([NOTE], True),
        ([DONE], False),
        ([step("control.throw", code="NO")], False),
        ([step("control.if", **IF, then=[DONE])], True),
        ([step("control.if", **IF, then=[NOTE], **{"else": [DONE]})], True),
        ([step("control.if", condition=True, then=[DONE])], False),
        ([step("control.switch", cases=[{"when": IF["condition"], "steps": [DONE]}])], False),
        ([step("control.tryCatch", **{"try": [DONE], "catch": [NOTE]})], False),
        ([step("control.tryCatch", **{"try": [NOTE], "finally": [{**NOTE, "id": "n"}]})], True),
        ([step("control.saga", steps=[DONE])], False),
        ([step("control.while", **IF, maxIterations=3, body=[NOTE])], True),
        ([step("control.while", **IF, maxIterations=3, body=[NOTE, DONE])], False),
        ([step("control.while", condition=True, maxIterations=3, body=[NOTE])], False),
        ([step("control.parallel", branches=[{"id": "a", "steps": [NOTE]}])], True),
        ([step("control.parallel", branches=[{"id": "a", "steps": [DONE]}])], False),
    ],
)
def test_an_end_without_a_result_is_told_where_it_can_be_reached(
    steps: list[Any], *, is_open: bool
) -> None:
    """As a warning at the schema, if null does not fit it."""
    document = {**SMALLEST, "resultSchema": OBJECT, "steps": steps}
    told = [
        (each.path, each.severity)
        for each in validate(document, CATALOGUE).findings
        if each.code is Code.RESULT_INVALID
    ]
    assert told == ([("/resultSchema", Severity.WARNING)] if is_open else [])
    fitting = {**document, "resultSchema": {"type": ["object", "null"]}}
    codes = {each.code for each in validate(fitting, CATALOGUE).findings}
    assert Code.RESULT_INVALID not in codes


WORDS = st.sampled_from(
    [
        *("type", "properties", "items", "required", "enum", "minLength", "minimum", "title"),
        *("string", "object", "integer", "a", "additionalProperties", "uniqueItems", "const"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.just(0.5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, ANYTHING, max_size=4))
@settings(max_examples=300, deadline=None)
def test_what_looks_plain_is_a_schema(schema: Any) -> None:
    """The shortcut for plain schemas never takes what the meta-schema refuses."""
    if is_plain(schema):
        Draft202012Validator.check_schema(schema)
        assert list(schema_faults(schema)) == []


def test_hundreds_of_forms_take_milliseconds() -> None:
    """All different, so that none is known from before."""
    steps = [
        {
            "id": f"ask{number}",
            "type": "human.task",
            "config": {
                "taskType": "t",
                "title": "T",
                "timeout": "P1D",
                "assignees": ["ada"],
                "form": {
                    "type": "object",
                    "properties": {f"a{number}": {"type": "string", "maxLength": 80}},
                    "required": [f"a{number}"],
                },
            },
        }
        for number in range(500)
    ]
    document = {**SMALLEST, "steps": steps}
    times: list[float] = []
    for _ in range(3):
        begin = time.process_time()
        assert validate(document, CATALOGUE).findings == []
        times.append(time.process_time() - begin)
    assert min(times) < 0.2
