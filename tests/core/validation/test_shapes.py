"""What is said of a schema's values holds for all of them, whatever the schema is."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from alga_workflows_core.validation.literals import literal_faults, surely_fits
from alga_workflows_core.validation.schema_faults import schema_faults
from alga_workflows_core.validation.shapes import (
    ANY_KIND,
    UNKNOWN,
    kind_of,
    never_meets,
    same,
    shape_of,
)

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, 2.5, -3, "", "a", "bb", "ccc"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(NAMES, inner, max_size=2)
    optional: dict[Any, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "required": st.lists(NAMES, unique=True, max_size=2),
        "additionalProperties": st.just(False) | inner,
        "patternProperties": st.dictionaries(st.just("^b"), inner, max_size=1),
        "minimum": st.integers(-2, 2),
        "maxLength": st.integers(0, 2),
        "minItems": st.integers(0, 2),
        "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#x"]),
        "$anchor": st.just("x"),
        "$id": st.sampled_from(["urn:x", "y"]),
        "title": st.just("T"),
        "format": st.just("date-time"),
    }
    optional |= dict.fromkeys(("properties", "$defs"), named)
    optional |= dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), some)
    optional |= dict.fromkeys(("items", "not", "if", "then"), inner)
    return st.fixed_dictionaries({}, optional=optional)


LEAVES: st.SearchStrategy[Any] = st.sampled_from([True, False, {}])
SCHEMAS = st.recursive(LEAVES, _schemas, max_leaves=8).filter(lambda made: isinstance(made, dict))
SLOW = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def meets(value: Any, schema: dict[str, Any]) -> bool:
    validator: Any = Draft202012Validator(schema)
    return validator.is_valid(value)


@given(SCHEMAS, VALUES)
@SLOW
@example({"allOf": [{"type": "integer"}]}, 1.0)
@example({"oneOf": [{"type": "object", "additionalProperties": False}, {"const": None}]}, None)
@example({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "array"}, True]}}}, {"a": 1})
@example({"allOf": [False]}, None)
@example({"items": False}, [None])
@example({"$ref": "#x", "$defs": {"a": {"$anchor": "x", "const": 1}}}, 2)
@example({"additionalProperties": False, "patternProperties": {"^b": True}}, {"b": 1})
def test_what_is_said_holds(schema: dict[str, Any], value: Any) -> None:
    """Of every value that meets the schema, and of what is inside it."""
    assume(next(schema_faults(schema), None) is None)
    shape = shape_of(schema)
    assert (not list(literal_faults(value, shape))) == (not shape.parts or meets(value, schema))
    assert meets(value, schema) or not surely_fits(value, shape)
    if not meets(value, schema):
        return
    assert kind_of(value) in shape.kinds
    assert shape.choices is None or any(same(value, each) for each in shape.choices)
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        assert set(shape.required) <= members.keys()
        for name, member in members.items():
            assert not shape.lacks(name)
            assert kind_of(member) in shape.member(name).kinds
    if isinstance(value, list):
        for index, entry in enumerate(cast("list[Any]", value)):
            assert kind_of(entry) in shape.items.kinds
            assert kind_of(entry) in shape.item(index).kinds


@given(SCHEMAS, SCHEMAS, VALUES)
@SLOW
def test_shapes_that_never_meet_have_no_value_in_common(
    one: dict[str, Any], other: dict[str, Any], value: Any
) -> None:
    """But for null."""
    assume(not list(schema_faults(one)) and not list(schema_faults(other)))
    if value is not None and meets(value, one) and meets(value, other):
        assert not never_meets(shape_of(one), shape_of(other))


JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "enum", "properties", "required", "allOf", "anyOf", "$ref", "items", "a"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(JUNK)
@settings(max_examples=200, deadline=None)
def test_what_is_no_schema_is_no_crash(schema: Any) -> None:
    """Drafts have such schemas, and somebody else says so."""
    shape = shape_of(schema)
    assert shape.kinds <= ANY_KIND
    assert shape.member("a").kinds
    assert shape.item(0).kinds
    assert shape.items.kinds
    assert isinstance(shape.lacks("a"), bool)
    never_meets(shape, shape.member("a"))
    assert all(isinstance(name, str) for name in shape.required)


def test_schemas_that_go_round_are_followed_once() -> None:
    """In time proportional to them, though the ways through them are many."""
    chain = {f"s{n}": {"anyOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(60)}
    shape = shape_of({"$ref": "#/$defs/s0", "$defs": {**chain, "s60": {"$ref": "#/$defs/s0"}}})
    assert shape.kinds == ANY_KIND
    assert shape.choices is None
    leaf = shape_of({"$ref": "#/$defs/s0", "$defs": {**chain, "s60": {"type": "string"}}})
    assert leaf.kinds == {"string"}


@pytest.mark.parametrize(
    ("given", "wanted", "never"),
    [
        ({"type": "string"}, {"type": "integer"}, True),
        ({"type": "integer"}, {"type": "number"}, False),
        ({"type": "number"}, {"type": "integer"}, False),
        ({"const": 2.5}, {"type": "integer"}, True),
        ({"const": 2.0}, {"type": "integer"}, False),
        ({"type": ["string", "null"]}, {"type": "integer"}, True),
        ({"type": ["string", "null"]}, {"type": ["integer", "null"]}, True),
        ({"type": "null"}, {"type": ["integer", "null"]}, False),
        ({"type": "null"}, {"type": "integer"}, True),
        ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, False),
        ({"enum": ["a", "b"]}, {"enum": ["c"]}, True),
        ({"enum": ["a", None]}, {"enum": ["c", None]}, True),
        ({"enum": [1]}, {"enum": [True]}, True),
        ({}, {"type": "string"}, False),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, {"type": "array"}, False),
        ({"type": "string", "maxLength": 1}, {"type": "string", "minLength": 2}, False),
    ],
)
def test_what_never_meets(given: dict[str, Any], wanted: dict[str, Any], never: bool) -> None:
    """By kinds and by listed values; that there is nothing is not held against it."""
    assert never_meets(shape_of(given), shape_of(wanted)) is never


def test_nothing_is_known_of_no_schema() -> None:
    """Which fits everything."""
    nothing: list[Any] = [None, True, False, 5, []]
    for schema in nothing:
        shape = shape_of(schema)
        assert (shape.kinds, shape.choices, shape.required) == (ANY_KIND, None, [])
        assert not shape.lacks("a")
        assert shape.member("a") is UNKNOWN
