"""Payloads against schemas: faults at their places, and nothing raised but what says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.errors import InputError
from alga_workflows_core.validation.payload import check_payload
from alga_workflows_core.validation.schema_faults import schema_faults
from tests.core.validation.documents import LEAVE, at, json_values

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["lines"],
    "properties": {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "ship/to": {"type": "object", "properties": {"~note": {"maxLength": 3}}},
    },
    "$defs": {
        "line": {
            "type": "object",
            "required": ["sku"],
            "properties": {"count": {"type": "integer", "minimum": 1}},
        }
    },
}

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"kids": {"type": "array", "items": {"allOf": [{"$ref": "#"}]}}},
    "additionalProperties": False,
}

NAMES = st.sampled_from(["a", "b", "a/b", "~"])
REFERENCES = st.sampled_from(
    ["#", "#a", "#/$defs/a", "#/properties/a", "#/allOf/0", "#/x", "urn:a#b", "b", "http://[", ""]
)
PAYLOADS = json_values(NAMES, whole=True)


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that the meta-schema accepts, around schemas of `inner`."""
    some = st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(NAMES, inner, max_size=2)
    optional: dict[Any, st.SearchStrategy[Any]] = {
        "$ref": REFERENCES,
        "$dynamicRef": REFERENCES,
        "$id": st.sampled_from(["urn:a", "b", "http://[", "x/y"]),
        "$anchor": st.sampled_from(["a", "b"]),
        "$dynamicAnchor": st.sampled_from(["a", "b"]),
        "type": st.sampled_from(["object", "array", "string", "integer", ["null", "number"]]),
        "x": PAYLOADS,
        "const": PAYLOADS,
        "multipleOf": st.sampled_from([1, 0.1, 1e-300, 1e300]),
        "pattern": st.sampled_from(["^a", "[", "a{99999999999}", "\\p{L}", "(?i)b"]),
        "required": st.lists(NAMES, unique=True),
        "uniqueItems": st.booleans(),
    }
    optional |= dict.fromkeys(("$defs", "properties", "dependentSchemas"), named)
    optional |= dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), some)
    optional |= dict.fromkeys(("not", "if", "then", "else", "items", "contains"), inner)
    optional |= dict.fromkeys(("propertyNames", "unevaluatedItems", "unevaluatedProperties"), inner)
    return st.fixed_dictionaries({}, optional=optional)


SCHEMAS = st.recursive(
    st.booleans() | st.fixed_dictionaries({"$ref": REFERENCES}), schemas, max_leaves=8
).filter(lambda schema: isinstance(schema, dict))


def refusal(schema: dict[str, Any], payload: Any) -> InputError:
    with pytest.raises(InputError) as raised:
        check_payload(schema, payload, definition_id="order")
    return raised.value


@pytest.mark.parametrize(
    ("payload", "path", "says"),
    [
        ({}, "/payload", "'lines' is a required property."),
        ([], "/payload", "[] is not of type 'object'."),
        ({"lines": [{"sku": 1}, {}]}, "/payload/lines/1", "'sku' is a required property."),
        ({"lines": [{"sku": 1, "count": 0}]}, "/payload/lines/0/count", "minimum of 1"),
        ({"lines": [], "ship/to": {"~note": "four"}}, "/payload/ship~1to/~0note", "too long"),
    ],
)
def test_a_fault_is_told_with_its_place(payload: Any, path: str, says: str) -> None:
    """The pointer leads into the body that was sent: its `payload`."""
    refused = refusal(ORDER, payload)
    assert (refused.error_code, refused.path) == ("PAYLOAD_INVALID", path)
    assert says in refused.message
    assert "'order'" in refused.message
    assert refused.remedy is not None
    assert refused.details["total"] == 1


def test_many_faults_are_counted_and_the_first_are_told() -> None:
    """Twenty are listed, all are counted, and long values are not repeated in full."""
    refused = refusal(ORDER, {"lines": [{"count": "x" * 5000} for _ in range(30)]})
    assert refused.details["total"] == 60
    assert len(refused.details["faults"]) == 20
    assert max(len(fault["message"]) for fault in refused.details["faults"]) <= 301


def test_a_payload_that_fits_passes() -> None:
    """Nothing is answered, and nothing is raised."""
    check_payload(ORDER, {"lines": [{"sku": "A", "count": 2}], "more": None}, definition_id="order")
    check_payload(LEAVE["payloadSchema"], {"person": {}, "days": 3}, definition_id="leave-request")


def test_a_deep_payload_is_refused_and_not_a_crash() -> None:
    """A schema that follows the payload downwards gives up where Python's stack would end."""
    assert list(schema_faults(TREE)) == []
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"kids": [deep]}
    refused = refusal(TREE, deep)
    assert (refused.error_code, refused.path) == ("PAYLOAD_INVALID", "/payload")
    assert "nested too deeply" in refused.message
    shallow: dict[str, Any] = {}
    for _ in range(20):
        shallow = {"kids": [shallow, shallow] if not shallow else [shallow]}
    check_payload(TREE, shallow, definition_id="tree")


@given(SCHEMAS, PAYLOADS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example({"$ref": "#"}, 1)
@example({"properties": {"a": {"$ref": "#/properties/a"}}}, {"a": 1})
@example({"pattern": "(" * 3000 + ")" * 3000}, "x")
@example({"pattern": "a{99999999999}"}, "x")
@example({"$id": "http://[", "$ref": "x"}, 1)
@example({"allOf": [{"$id": "http://[", "$ref": "#/x"}]}, 1)
@example({"$defs": {"a": {"$anchor": "a"}, "b": {"$anchor": "a"}}, "$ref": "#a"}, 1)
@example({"$dynamicRef": "#a", "$defs": {"a": {"$dynamicAnchor": "a", "$dynamicRef": "#a"}}}, 1)
def test_a_schema_without_faults_can_be_used(schema: dict[str, Any], payload: Any) -> None:
    """What publishing lets pass either takes a payload or refuses it, and raises nothing else."""
    faults = list(schema_faults(schema))
    for where, message in faults:
        at(schema, where)
        assert message.endswith(".")
    if not faults:
        fits_or_is_refused(schema, payload)


def fits_or_is_refused(schema: dict[str, Any], payload: Any) -> None:
    try:
        check_payload(schema, payload, definition_id="a")
    except InputError as error:
        refused = error
    else:
        return
    assert refused.error_code == "PAYLOAD_INVALID"
    assert refused.path is not None
