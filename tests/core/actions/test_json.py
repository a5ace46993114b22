"""`json.parse`, `format`, `pick`, `omit` and `merge`."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.actions.answers import answer, refusal

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=15,
)
NAMES = st.sampled_from(["a", "b", "c"])
OBJECTS = st.recursive(
    st.dictionaries(NAMES, SCALARS, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner | SCALARS | st.lists(SCALARS, max_size=3)),
    max_leaves=6,
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=1, max_size=4)


@given(VALUES, st.integers(0, 4), st.booleans())
async def test_a_text_is_read_back(value: Any, indent: int, sort_keys: bool) -> None:
    """Whatever the form, the text stands for the value."""
    made = await answer("json.format", value=value, indent=indent, sortKeys=sort_keys)
    assert (await answer("json.parse", text=made["text"]))["value"] == value


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"value": {"b": 1, "a": [True, None]}}, '{"b":1,"a":[true,null]}'),
        ({"value": {"b": 1, "a": "é"}, "sortKeys": True}, '{"a":"é","b":1}'),
        ({"value": {"a": [1]}, "indent": 2}, '{\n  "a": [\n    1\n  ]\n}'),
        ({"value": None}, "null"),
        ({"value": []}, "[]"),
    ],
)
async def test_a_value_is_written(request_: dict[str, Any], text: str) -> None:
    """On one line without blanks, or indented; text beyond ASCII as it is."""
    assert await answer("json.format", **request_) == {"text": text}


async def test_a_text_that_indentation_makes_huge_is_refused() -> None:
    """Before it takes memory: 400,000 numbers, a hundred levels deep."""
    value: Any = [0] * 400_000
    for _ in range(98):
        value = [value]
    assert (await refusal("json.format", value=value, indent=4)).error_code == "SIZE_LIMIT"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "JSON_SYNTAX"),
        ("{'a': 1}", "JSON_SYNTAX"),
        ('{"secret": 1, "secret": 2}', "JSON_DUPLICATE_KEY"),
        ('{"a": 12345678901234567890}', "JSON_NUMBER"),
        ("NaN", "JSON_NUMBER"),
        ("[" * 101 + "]" * 101, "JSON_DEPTH"),
        ('"\\ud800"', "JSON_TEXT"),
        ("\ufeff1", "JSON_TEXT"),
    ],
)
async def test_what_is_no_json_is_refused_with_its_place(text: str, code: str) -> None:
    """Line and column; nothing of the text, which may be private."""
    error = await refusal("json.parse", text=text)
    assert error.error_code == code
    assert f"line {error.details['line']}, column {error.details['column']}" in error.message
    assert "secret" not in f"{error.info().as_json()}"
    assert "1234567" not in f"{error.info().as_json()}"


ORDER = {
    "id": 7,
    "customer": {"name": "Ada", "mail": "a@b.example"},
    "lines": [{"id": 1}],
    "x": None,
}


@pytest.mark.parametrize(
    ("paths", "picked", "omitted"),
    [
        (["id"], {"id": 7}, {key: ORDER[key] for key in ("customer", "lines", "x")}),
        (["x"], {"x": None}, {key: ORDER[key] for key in ("id", "customer", "lines")}),
        (
            ["customer.name", "id"],
            {"id": 7, "customer": {"name": "Ada"}},
            {"customer": {"mail": "a@b.example"}, "lines": [{"id": 1}], "x": None},
        ),
        (
            ["customer.name", "customer"],
            {"customer": ORDER["customer"]},
            {key: ORDER[key] for key in ("id", "lines", "x")},
        ),
        (["nothing", "id.name", "lines.id", "customer.age"], {}, ORDER),
    ],
)
async def test_members_are_picked_or_omitted(
    paths: list[str], picked: dict[str, Any], omitted: dict[str, Any]
) -> None:
    """By paths into objects, not into lists; what is not there makes no difference."""
    assert (await answer("json.pick", value=ORDER, paths=paths))["value"] == picked
    assert (await answer("json.omit", value=ORDER, paths=paths))["value"] == omitted


@given(OBJECTS, PATHS)
async def test_picked_and_omitted_make_the_whole(value: dict[str, Any], paths: list[str]) -> None:
    """What one leaves out the other keeps; the input stays as it is."""
    before = copy.deepcopy(value)
    picked = (await answer("json.pick", value=value, paths=paths))["value"]
    omitted = (await answer("json.omit", value=value, paths=paths))["value"]
    assert value == before
    merged = await answer("json.merge", objects=[omitted, picked])
    assert merged["value"] == value


MERGED: list[tuple[list[Any], dict[str, Any]]] = [
    ([{"a": 1}, {"b": 2}, {"a": 3}], {"a": 3, "b": 2}),
    ([{"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}], {"a": {"x": 1, "y": 3}}),
    ([{"a": [1]}, {"a": [2]}], {"a": [2]}),
    ([{"a": 1}, {"a": None}], {"a": None}),
    ([{"a": 1}, {"a": {"b": 1}}], {"a": {"b": 1}}),
    ([{"a": {"b": 1}}, {"a": 1}], {"a": 1}),
    ([{}], {}),
]


@pytest.mark.parametrize(("request_", "merged"), MERGED)
async def test_objects_are_merged(request_: list[Any], merged: dict[str, Any]) -> None:
    """Objects member by member; of all else the later wins."""
    assert (await answer("json.merge", objects=request_))["value"] == merged


async def test_lists_and_nulls_are_merged_as_asked_for() -> None:
    """Lists one after the other; nulls as RFC 7396 has them."""
    objects = [{"a": [1], "b": 1, "c": {"d": 1}}, {"a": [2], "b": None, "c": {"d": None}}]
    made = await answer("json.merge", objects=objects, lists="append", nulls="remove")
    assert made["value"] == {"a": [1, 2], "c": {}}


@given(OBJECTS, OBJECTS, OBJECTS)
async def test_merging_is_associative(one: Any, two: Any, three: Any) -> None:
    """Step by step or at once; an object merged with itself is itself."""
    first = (await answer("json.merge", objects=[one, two]))["value"]
    assert await answer("json.merge", objects=[first, three]) == await answer(
        "json.merge", objects=[one, two, three]
    )
    assert (await answer("json.merge", objects=[one, one]))["value"] == one


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("json.parse", {"text": None}),
    ("json.parse", {"text": "1" * 1_000_001}),
    ("json.format", {}),
    ("json.format", {"value": 1, "indent": 5}),
    ("json.pick", {"value": [], "paths": ["a"]}),
    ("json.pick", {"value": {}, "paths": []}),
    ("json.pick", {"value": {}, "paths": ["a..b"]}),
    ("json.omit", {"value": None, "paths": ["a"]}),
    ("json.omit", {"value": {}, "paths": ["."]}),
    ("json.merge", {"objects": []}),
    ("json.merge", {"objects": [None]}),
    ("json.merge", {"objects": [{}], "lists": "mix"}),
]


@pytest.mark.parametrize(("action_id", "request_"), WRONG)
async def test_other_input_is_refused(action_id: str, request_: dict[str, Any]) -> None:
    """Types and bounds are those of the schemas."""
    assert (await refusal(action_id, **request_)).error_code == "ACTION_INPUT_INVALID"
