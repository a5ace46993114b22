"""Identity of documents: the order of assignments belongs to it, no other order does."""

from __future__ import annotations

import copy
import hashlib
import json
from random import Random
from typing import Any, cast

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.errors import InputError


def assignment(identity: str, assign: dict[str, Any]) -> dict[str, Any]:
    return {"id": identity, "type": "transform.assign", "config": {"assign": assign}}


DOCUMENT: dict[str, Any] = {
    "id": "a",
    "name": "A",
    "payloadSchema": {
        "properties": {"config": {"assign": {"vars.z": 1, "vars.a": 2}}},
        "config": {"assign": {"z": 1, "a": 2}},
    },
    "steps": [
        assignment("first", {"vars.a": 1, "vars.b": {"z": 1, "a": {"y": 1, "b": 2}}}),
        {
            "type": "control.if",
            "id": "if",
            "condition": True,
            "then": [assignment("inner", {"vars.c": 1, "vars.d": 2})],
            "else": [
                assignment("other", {"vars.e": 1, "vars.f": 2}),
                {
                    "id": "call",
                    "type": "action.call",
                    "config": {
                        "version": 1,
                        "actionId": "http.request",
                        "inputMapping": {"json": {"config": {"assign": {"z": 1, "a": 2}}}},
                        "assign": {"z": 1, "a": 2},
                    },
                },
            ],
        },
        {"id": "end", "type": "control.return", "value": {"config": {"assign": {"z": 1, "a": 2}}}},
    ],
}
ASSIGNMENTS = [
    ("steps", 0, "config", "assign"),
    ("steps", 1, "then", 0, "config", "assign"),
    ("steps", 1, "else", 0, "config", "assign"),
]


def plain(document: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def reordered(value: Any, chance: Random, *, keep: tuple[Any, ...] = ()) -> Any:
    """`value` with the members of every object in another order, but those of `keep` (by id)."""
    if isinstance(value, list):
        return [reordered(item, chance, keep=keep) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = list(cast("dict[str, Any]", value).items())
    if id(cast("object", value)) not in keep:
        chance.shuffle(members)
    return {name: reordered(member, chance, keep=keep) for name, member in members}


def found(document: dict[str, Any], way: tuple[str | int, ...]) -> dict[str, Any]:
    here: Any = document
    for part in way:
        here = here[part]
    return here


def test_sorted_assignments_leave_the_plain_hash() -> None:
    """Anybody can compute it: the sha256 of RFC 8785."""
    assert document_hash(DOCUMENT) == plain(DOCUMENT)


@pytest.mark.parametrize("way", ASSIGNMENTS)
def test_the_order_of_an_assignment_changes_the_hash(way: tuple[str | int, ...]) -> None:
    """Also inside a branch; each order is a document of its own, written back it is the first."""
    turned = copy.deepcopy(DOCUMENT)
    assign = found(turned, way)
    for name in sorted(assign, reverse=True):
        assign[name] = assign.pop(name)
    assert list(assign) == sorted(assign, reverse=True)
    assert document_hash(turned) not in {document_hash(DOCUMENT), plain(turned)}
    for name in sorted(assign):
        assign[name] = assign.pop(name)
    assert document_hash(turned) == document_hash(DOCUMENT)


def test_the_same_order_at_another_place_is_another_document() -> None:
    """The place of each order is hashed with it."""
    one, other = copy.deepcopy(DOCUMENT), copy.deepcopy(DOCUMENT)
    names = ["vars.a", "vars.b"]
    for document, way in zip((one, other), ASSIGNMENTS, strict=False):
        for place in ASSIGNMENTS:
            holder = found(document, place)
            holder.clear()
            holder.update(dict.fromkeys(names if place != way else reversed(names), 0))
    assert plain(one) == plain(other)
    assert document_hash(one) != document_hash(other)


@given(st.integers())
def test_no_other_order_changes_the_hash(seed: int) -> None:
    """Members of steps, literals, schemas and calls may be written in any order."""
    keep = tuple(id(found(DOCUMENT, way)) for way in ASSIGNMENTS)
    chance = Random(seed)  # noqa: S311 - repeatable is the point
    assert document_hash(reordered(DOCUMENT, chance, keep=keep)) == document_hash(DOCUMENT)


def test_numbers_are_compared_by_value() -> None:
    """`1` and `1.0` are one number in JSON; another number is another document."""
    assert document_hash({"id": 1}) == document_hash({"id": 1.0})
    assert document_hash({"id": 1}) != document_hash({"id": 2})


DRAFTS: list[dict[str, Any]] = [
    {},
    {"steps": 5},
    {"steps": [1, None, [], {"type": "transform.assign"}]},
    {"steps": [{"type": "transform.assign", "config": {"assign": [1]}}]},
    {"steps": [{"type": 7, "then": 5, "config": {"assign": {"b": 1, "a": 1}}}]},
    {"steps": {"config": {"assign": {"b": 1, "a": 1}}}},
]


@pytest.mark.parametrize("draft", DRAFTS)
def test_a_draft_that_is_no_definition_has_an_identity_too(draft: dict[str, Any]) -> None:
    """Drafts are stored with their mistakes."""
    assert document_hash(draft) == plain(draft)


@pytest.mark.parametrize("value", [float("nan"), 2**53, "\ud800"])
def test_what_has_no_canonical_form_has_no_identity(value: Any) -> None:
    """It is refused with its place."""
    with pytest.raises(InputError) as raised:
        document_hash({"steps": [{"x": value}]})
    assert raised.value.path == "/steps/0/x"


def test_the_stored_text_keeps_order_and_values() -> None:
    """What is stored reads back as the same document, members in the authored order."""
    document = {"z": 1, "a": {"y": "ü😀\x00\n", "b": [1.5, None, True]}}
    text = document_text(document)
    assert text == '{"z":1,"a":{"y":"ü😀\\u0000\\n","b":[1.5,null,true]}}'
    again = json.loads(text)
    assert again == document
    assert list(again) == ["z", "a"]
