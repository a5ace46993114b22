"""Differences of generated definitions, and of real ones after any edit: none stays untold."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError

from alga_workflows_core.definition.changes import Change, ChangeKind, changes
from alga_workflows_core.definition.document import parse_definition, walk
from alga_workflows_core.definition.identity import document_hash
from alga_workflows_core.definition.source import read
from tests.core.definition.generated import Document, definitions
from tests.core.validation.documents import at

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(definitions(), definitions())
@settings(max_examples=150, deadline=None, suppress_health_check=_CALM)
def test_there_are_changes_just_when_the_identity_differs(first: Document, other: Document) -> None:
    """Nothing that makes another version is left untold, and nothing else is told."""
    other["id"] = first["id"]
    assert changes(first, copy.deepcopy(first)) == []
    found = changes(first, other)
    assert (found == []) == (document_hash(first) == document_hash(other))
    assert found == changes(copy.deepcopy(first), copy.deepcopy(other))
    check(found, first, other)


def check(found: list[Change], first: Document, other: Document) -> None:
    """What is promised for each change."""
    for change in found:
        assert change.message.endswith(".")
        assert len(change.message) < 500
        at(first if change.kind is ChangeKind.REMOVED else other, change.path)


CORRECT: dict[str, Document] = {
    path.stem: cast("Document", read(path.read_bytes(), name=path.name).document)
    for path in sorted((Path(__file__).parents[1] / "validation" / "definitions").glob("*.yaml"))
}


def holders(value: Any) -> list[tuple[Any, Any]]:
    """Every list and object inside `value`, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, (list, dict)):
        inside = cast("list[Any] | dict[Any, Any]", value)
        pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
        for key, member in list(pairs):
            found += [(inside, key), *holders(member)]
    return found


def edit_once(document: Document, chance: Random) -> None:
    """Replace, remove, repeat, swap or turn something somewhere."""
    places = holders(document)
    holder, key = chance.choice(places)
    other, place = chance.choice([each for each in places if each[1] == key])
    match chance.randrange(6):
        case 0:
            holder[key] = copy.deepcopy(other[place])
        case 1:
            holder[key], other[place] = other[place], holder[key]
        case 2:
            del holder[key]
        case 3 if isinstance(holder, list):
            chance.shuffle(cast("list[Any]", holder))
        case 3:
            holder[key] = holder.pop(key)
        case 4 if isinstance(holder, list):
            cast("list[Any]", holder).insert(key, copy.deepcopy(cast("Any", holder[key])))
        case _ if isinstance(holder[key], (str, int)) and not isinstance(holder[key], bool):
            holder[key] += "X" if isinstance(holder[key], str) else chance.choice([-1, 1])
        case _:
            pass


def is_published(document: Document) -> bool:
    """Whether it is a definition, and its steps and branches have ids of their own."""
    try:
        definition = parse_definition(document)
    except ValidationError:
        return False
    steps = [step for _, step in walk(definition.steps)]
    names = [[step.id for step in steps]]
    names += [
        [each.id for each in step.branches] for step in steps if step.type == "control.parallel"
    ]
    return all(len(set(each)) == len(each) for each in names)


@pytest.mark.parametrize("name", CORRECT)
def test_edits_of_real_definitions_are_told(name: str) -> None:
    """Of each edit that leaves a definition, just if it makes another version."""
    chance = Random(name)  # noqa: S311 - repeatable is the point
    tried = 0
    for _ in range(100):
        edited = copy.deepcopy(CORRECT[name])
        for _ in range(chance.randrange(1, 3)):
            edit_once(edited, chance)
        if not is_published(edited):
            continue
        tried += 1
        found = changes(CORRECT[name], edited)
        assert (found == []) == (document_hash(CORRECT[name]) == document_hash(edited)), edited
        check(found, CORRECT[name], edited)
        assert changes(edited, edited) == []
    assert tried > 5
