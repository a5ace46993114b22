"""The grammar of a document: what it takes, what it refuses, and the walk over its steps."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError

from alga_workflows_core.definition.document import Definition, parse_definition, walk
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.definition.steps.union import STEP_MODELS
from alga_workflows_core.types.pointers import pointer

END = {"id": "end", "type": "control.return"}


def document(**members: Any) -> dict[str, Any]:
    return {"id": "a", "name": "A", "steps": [END], **members}


@pytest.mark.parametrize(
    "identity", ["a", "0", "ticket-triage", "a.b_c-d", "x" * 128, "9" * 128, "a."]
)
def test_ids_that_fit_are_taken(identity: str) -> None:
    """Lower-case letters, digits, dot, underscore and hyphen; 128 characters at most."""
    assert parse_definition(document(id=identity)).id == identity


@pytest.mark.parametrize(
    "identity",
    ["", "A", "-a", ".a", "_a", "a b", "a/b", "a\n", "a\x00", "ä", "٣", "x" * 129, "a:b", 7, None],
)
def test_ids_that_do_not_fit_are_refused(identity: object) -> None:
    """Nothing that could be another address, another row or a second line in a log."""
    with pytest.raises(ValidationError):
        parse_definition(document(id=identity))


@pytest.mark.parametrize("name", ["Line\nbreak", "tab\t", "nul\x00", "bell\x07", "\x9b31m", ""])
def test_names_are_one_visible_line(name: str) -> None:
    """Names go into rows, logs and terminals, so they hold no control characters."""
    with pytest.raises(ValidationError):
        parse_definition(document(name=name))
    with pytest.raises(ValidationError):
        parse_definition(document(steps=[{**END, "name": name or "x" * 201}]))


def test_nothing_is_converted() -> None:
    """Text is no number and a number is no text, wherever they stand."""
    call = {"id": "c", "type": "action.call", "config": {"actionId": "a", "version": 1}}
    assert parse_definition(document(steps=[call]))
    for version in ("1", 1.5, True, None):
        config = {"actionId": "a", "version": version}
        with pytest.raises(ValidationError):
            parse_definition(document(steps=[{**call, "config": config}]))
    for wrong in ({"name": 5}, {"description": 5}, {"steps": (END,)}):
        with pytest.raises(ValidationError):
            parse_definition(document(**wrong))


def test_a_definition_cannot_be_changed() -> None:
    """What was parsed is shared by all runs of a process."""
    definition = parse_definition(document())
    with pytest.raises(ValidationError):
        definition.__setattr__("name", "B")


def test_members_keep_the_order_in_which_they_are_written() -> None:
    """Assignments are carried out in this order, whatever the names are."""
    assign = {"vars.z": 1, "vars.a": 2, "vars.m": 3}
    step = {"id": "s", "type": "transform.assign", "config": {"assign": assign}}
    parsed = parse_definition(document(steps=[step]))
    again = Definition.model_validate_json(
        json.dumps(document(steps=[step])), by_alias=True, by_name=False
    )
    for definition in (parsed, again):
        dumped = definition.model_dump(by_alias=True)
        assert list(dumped["steps"][0]["config"]["assign"]) == list(assign)


def test_the_walk_meets_every_step_in_document_order() -> None:
    """Depth first, `then` before `else`, each with its pointer."""
    inner = {
        "id": "inner",
        "type": "control.if",
        "condition": True,
        "then": [{**END, "id": "a"}],
        "else": [{**END, "id": "b"}, {**END, "id": "c"}],
    }
    outer = {"id": "outer", "type": "control.if", "condition": True, "then": [inner]}
    definition = parse_definition(document(steps=[outer, END]))
    assert [(where, step.id) for where, step in walk(definition.steps)] == [
        ("/steps/0", "outer"),
        ("/steps/0/then/0", "inner"),
        ("/steps/0/then/0/then/0", "a"),
        ("/steps/0/then/0/else/0", "b"),
        ("/steps/0/then/0/else/1", "c"),
        ("/steps/1", "end"),
    ]
    assert isinstance(definition.steps[0], IfStep)
    assert isinstance(definition.steps[1], ReturnStep)


def test_the_list_of_step_types_is_that_of_the_grammar() -> None:
    """What messages name as the types of this release is what the document takes."""
    schema = json.dumps(Definition.model_json_schema())
    tagged = Definition.model_json_schema()["properties"]["steps"]["items"]["discriminator"]
    assert tuple(sorted(tagged["mapping"])) == tuple(STEP_MODELS)
    assert all(f'"{name}"' in schema for name in STEP_MODELS)


def test_the_sample_is_a_definition() -> None:
    """The document that the demo runs can be parsed."""
    text = files("workflow_worker.samples").joinpath("ticket-triage.json").read_bytes()
    assert parse_definition(json.loads(text)).id == "ticket-triage"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), ""),
        (("",), "/"),
        (("steps", 0), "/steps/0"),
        (("a/b", "m~n", "~1"), "/a~1b/m~0n/~01"),
        ((" ", 'k"l', "%"), '/ /k"l/%'),
    ],
)
def test_pointers_are_those_of_rfc_6901(parts: tuple[str | int, ...], expected: str) -> None:
    """Tilde and slash are escaped, in this order; nothing else is."""
    assert pointer(*parts) == expected
