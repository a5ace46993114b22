"""Identity of documents: the order of assignments belongs to it, no other order does."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any, cast

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.definition.source import read
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


EVENT = {"eventName": "PAID", "assign": {"vars.a": 1, "vars.b": 2}}
ASSIGNING: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "wait": ({"type": "event.wait", "config": EVENT}, ("config", "assign")),
    "any": (
        {"type": "event.wait", "config": {"any": [{"eventName": "OTHER"}, EVENT]}},
        ("config", "any", 1, "assign"),
    ),
    "all": (
        {"type": "event.wait", "config": {"all": [EVENT]}},
        ("config", "all", 0, "assign"),
    ),
    "task": (
        {"type": "human.task", "config": {"assign": {"vars.a": 1, "vars.b": 2}}},
        ("config", "assign"),
    ),
}
BLOCKS: dict[str, tuple[Callable[[Any], dict[str, Any]], tuple[str | int, ...]]] = {
    "then": (lambda steps: {"type": "control.if", "then": steps}, ("then", 0)),
    "case": (
        lambda steps: {"type": "control.switch", "cases": [{}, {"steps": steps}]},
        ("cases", 1, "steps", 0),
    ),
    "default": (lambda steps: {"type": "control.switch", "default": steps}, ("default", 0)),
    "body": (lambda steps: {"type": "control.forEach", "body": steps}, ("body", 0)),
    "branch": (
        lambda steps: {"type": "control.parallel", "branches": [{"id": "x", "steps": steps}]},
        ("branches", 0, "steps", 0),
    ),
    "try": (lambda steps: {"type": "control.tryCatch", "try": steps}, ("try", 0)),
    "catch": (lambda steps: {"type": "control.tryCatch", "catch": steps}, ("catch", 0)),
    "finally": (lambda steps: {"type": "control.tryCatch", "finally": steps}, ("finally", 0)),
    "saga": (lambda steps: {"type": "control.saga", "steps": steps}, ("steps", 0)),
}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kind", ASSIGNING)
def test_assignments_have_an_order_wherever_they_stand(kind: str, block: str) -> None:
    """In waits, their alternatives and tasks, in every block of every kind of step."""
    step, inside = ASSIGNING[kind]
    wrap, way = BLOCKS[block]
    document: dict[str, Any] = {"id": "a", "steps": [wrap([copy.deepcopy(step)])]}
    assert document_hash(document) == plain(document)
    assign = found(document, ("steps", 0, *way, *inside))
    assign["vars.a"] = assign.pop("vars.a")
    assert list(assign) == ["vars.b", "vars.a"]
    assert document_hash(document) != plain(document)


def test_no_order_of_blocks_changes_the_hash() -> None:
    """Orders of assignments are hashed as the grammar has the blocks, not as they are written."""

    def steps() -> list[Any]:
        return [assignment("s", {"vars.b": 1, "vars.a": 2})]

    names = ("try", "catch", "finally")
    there = {"type": "control.tryCatch", **{name: steps() for name in names}}
    back = {**{name: steps() for name in reversed(names)}, "type": "control.tryCatch"}
    assert document_hash({"steps": [there]}) == document_hash({"steps": [back]})


@pytest.mark.parametrize(
    "config", [None, [], {"any": 5}, {"any": [None, 1, {"assign": 7}]}, {"assign": []}]
)
def test_waits_and_tasks_of_drafts_may_have_any_form(config: Any) -> None:
    """Nothing in them is carried out."""
    for kind in ("event.wait", "human.task", ["event.wait"]):
        draft = {"steps": [{"type": kind, "config": config, "branches": [1, {}, {"steps": 2}]}]}
        assert document_hash(draft) == plain(draft)


def test_hashes_stay_what_they_are() -> None:
    """Versions are stored under them: a document keeps its hash in each release."""
    turned = {"id": "a", "steps": [assignment("s", {"vars.b": 1, "vars.a": 2})]}
    assert document_hash(turned) == (
        hashlib.sha256(
            b'{"id":"a","steps":[{"config":{"assign":{"vars.a":2,"vars.b":1}},"id":"s",'
            b'"type":"transform.assign"}]}\n[["/steps/0/config/assign",["vars.b","vars.a"]]]'
        ).hexdigest()
    )


def test_documents_with_equal_hashes_are_equally_valid() -> None:
    """`1.0` and `1` are one number to the hash, so what is read is one number to the models."""
    step = {"id": "c", "type": "action.call", "config": {"actionId": "a", "version": 1}}
    text = json.dumps({"id": "a", "name": "A", "steps": [step]})
    written = text.replace('"version": 1', '"version": 1.0')
    assert text != written
    for name in ("a.json", "a.yaml"):
        document = read(written.encode(), name=name).document
        assert document_hash(document) == document_hash(json.loads(text))
        assert parse_definition(document) == parse_definition(json.loads(text))
