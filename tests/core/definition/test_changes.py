"""The difference between two documents, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.changes import ChangeKind, changes
from alga_workflows_core.definition.document import parse_definition
from tests.core.definition.generated import Document


def note(identity: str) -> Document:
    config = {"actionId": "log.write", "version": 1, "inputMapping": {"message": "Hello"}}
    return {"id": identity, "type": "action.call", "config": config}


def sample() -> Document:
    """A published document with a step of every type."""
    assign = {"vars.b": 1, "vars.a": {"$expr": "vars.b + 1"}}
    return {
        "id": "sample",
        "name": "Sample",
        "payloadSchema": {"type": "object", "properties": {"email": {"type": "string"}}},
        "steps": [
            {"id": "count", "type": "transform.assign", "config": {"assign": assign}},
            {
                "id": "route",
                "type": "control.if",
                "condition": {"$expr": "vars.a > 1"},
                "then": [note("first"), note("second"), note("third")],
                "else": [note("other")],
            },
            {"id": "done", "type": "control.return", "value": {"$expr": "vars"}},
        ],
    }


def put(*place: str | int, value: Any) -> Callable[[Document], None]:
    """An edit that sets one member."""

    def edit(document: Document) -> None:
        target: Any = document
        for part in place[:-1]:
            target = target[part]
        target[place[-1]] = value

    return edit


def take(*place: str | int) -> Callable[[Document], None]:
    """An edit that removes one member or step."""

    def edit(document: Document) -> None:
        target: Any = document
        for part in place[:-1]:
            target = target[part]
        del target[place[-1]]

    return edit


def add_note(document: Document) -> None:
    document["steps"][1]["then"].insert(1, note("note"))


def add_first(document: Document) -> None:
    document["steps"].insert(0, note("zero"))


def move_out(document: Document) -> None:
    document["steps"].insert(1, document["steps"][1]["then"].pop(1))


def move_up(document: Document) -> None:
    inside = document["steps"][1]["then"]
    inside.insert(0, inside.pop())


def turn_assignments(document: Document) -> None:
    config = document["steps"][0]["config"]
    config["assign"] = dict(reversed(config["assign"].items()))


CONFIG = ("steps", 1, "then", 0, "config")
AT = "/steps/1/then/0/config"

# An edit, and the one change it makes: path, kind, message.
EDITS: dict[str, tuple[Callable[[Document], None], str, str, str]] = {
    "name": (
        put("name", value="Other"),
        "/name",
        "changed",
        'The name changed from "Sample" to "Other".',
    ),
    "description": (
        put("description", value="Why"),
        "/description",
        "added",
        'The description was added: "Why".',
    ),
    "schema": (
        take("payloadSchema"),
        "/payloadSchema",
        "removed",
        (
            'The payloadSchema was removed; it was {"properties":{"email":{"type":"string"}},'
            '"type":"object"}.'
        ),
    ),
    "schema's field": (
        put("payloadSchema", "properties", "age", value={"type": "integer"}),
        "/payloadSchema/properties/age",
        "added",
        'The payload\'s field \'age\' was added: {"type":"integer"}.',
    ),
    "schema's keyword": (
        put("payloadSchema", "required", value=["email"]),
        "/payloadSchema/required",
        "added",
        "The payloadSchema's 'required' was added: [\"email\"].",
    ),
    "step added": (
        add_note,
        "/steps/1/then/1",
        "added",
        "Step 'note' (action.call) was added to 'then' of 'route', behind 'first'.",
    ),
    "first step": (
        add_first,
        "/steps/0",
        "added",
        "Step 'zero' (action.call) was added to the definition, as the first step.",
    ),
    "step removed": (
        take("steps", 1, "then", 2),
        "/steps/1/then/2",
        "removed",
        "Step 'third' (action.call) was removed from 'then' of 'route'.",
    ),
    "step moved out": (
        move_out,
        "/steps/1",
        "moved",
        "Step 'second' moved from 'then' of 'route' to the definition, behind 'count'.",
    ),
    "step moved up": (
        move_up,
        "/steps/1/then/0",
        "moved",
        "Step 'third' moved inside 'then' of 'route', as the first step.",
    ),
    "step's name": (
        put("steps", 2, "name", value="End"),
        "/steps/2/name",
        "added",
        "The name of 'done' was added: \"End\".",
    ),
    "condition": (
        put("steps", 1, "condition", value={"$expr": "vars.a >\n 2"}),
        "/steps/1/condition",
        "changed",
        "The condition of 'route' changed from `vars.a > 1` to `vars.a > 2`.",
    ),
    "returned value": (
        put("steps", 2, "value", value=None),
        "/steps/2/value",
        "changed",
        "The value of 'done' changed from `vars` to null.",
    ),
    "input": (
        put(*CONFIG, "inputMapping", "message", value="Bye"),
        f"{AT}/inputMapping/message",
        "changed",
        "Input 'message' of 'first' changed from \"Hello\" to \"Bye\".",
    ),
    "no inputs": (
        take(*CONFIG, "inputMapping"),
        f"{AT}/inputMapping/message",
        "removed",
        "Input 'message' of 'first' was removed; it was \"Hello\".",
    ),
    "action": (
        put(*CONFIG, "actionId", value="text.slug"),
        f"{AT}/actionId",
        "changed",
        'The action of \'first\' changed from "log.write" to "text.slug".',
    ),
    "action's version": (
        put(*CONFIG, "version", value=2),
        f"{AT}/version",
        "changed",
        "The version of the action of 'first' changed from 1 to 2.",
    ),
    "saveAs": (
        put(*CONFIG, "saveAs", value="vars.x"),
        f"{AT}/saveAs",
        "added",
        "The path that gets the output of 'first' was added: \"vars.x\".",
    ),
    "assignment": (
        put("steps", 0, "config", "assign", "vars.b", value=True),
        "/steps/0/config/assign/vars.b",
        "changed",
        "Assignment 'vars.b' of 'count' changed from 1 to true.",
    ),
    "order of assignments": (
        turn_assignments,
        "/steps/0/config/assign",
        "moved",
        'The order of the assignments of \'count\' changed; it is now ["vars.a","vars.b"].',
    ),
}
SHIFTING = {"step added", "first step", "step removed", "step moved out", "step moved up"}


@pytest.mark.parametrize("name", EDITS)
def test_one_edit_is_one_sentence(name: str) -> None:
    """With its place, and nothing else is said to have changed."""
    edit, path, kind, message = EDITS[name]
    edited = sample()
    edit(edited)
    parse_definition(edited)
    found = changes(sample(), edited)
    assert [(change.path, change.kind.value, change.message) for change in found] == [
        (path, kind, message)
    ]


def test_another_type_under_the_same_id_is_told() -> None:
    """Together with the members that came and went."""
    edited = sample()
    edited["steps"][2] = note("done")
    assert [change.message for change in changes(sample(), edited)] == [
        'The type of \'done\' changed from "control.return" to "action.call".',
        "The value of 'done' was removed; it was `vars`.",
        (
            "The config of 'done' was added: "
            '{"actionId":"log.write","inputMapping":{"message":"Hello"},"version":1}.'
        ),
    ]


def test_in_a_first_version_all_is_new() -> None:
    """Nothing stands for no version."""
    found = changes({}, sample())
    assert {change.kind for change in found} == {ChangeKind.ADDED}
    assert sum(change.message.startswith("Step ") for change in found) == 7


def test_of_long_values_the_difference_is_shown() -> None:
    """What stands before it is left out, so that the sentence stays short."""
    before, after = sample(), sample()
    before["steps"][2]["value"] = "a" * 500 + "before" + "b" * 500
    after["steps"][2]["value"] = "a" * 500 + "later" + "b" * 500
    (change,) = changes(before, after)
    assert "before" in change.message
    assert "later" in change.message
    assert len(change.message) < 250


@given(st.lists(st.sampled_from(sorted(EDITS)), unique=True))
def test_every_edit_of_many_is_mentioned(names: list[str]) -> None:
    """Edits that do not undo each other each leave their sentence, whatever else was edited."""
    # These two take away what others edit.
    chosen = [name for name in names if name not in {"schema", "no inputs"}]
    # Of those that shift steps one comes, and last, since all find their steps by number.
    shifting = [name for name in chosen if name in SHIFTING][:1]
    still = [name for name in chosen if name not in SHIFTING]
    edited = sample()
    for name in (*still, *shifting):
        EDITS[name][0](edited)
    found = [change.message for change in changes(sample(), edited)]
    assert sorted(found) == sorted(EDITS[name][3] for name in (*still, *shifting))
