"""Documents as people write them, the actions that they call, and small edits of them."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any, cast

from hypothesis import strategies as st

from alga_workflows_core.actions.builtin.catalogue import builtin_specs
from alga_workflows_core.validation.catalogue import Catalogue

SAMPLE: dict[str, Any] = json.loads(
    files("workflow_worker.samples").joinpath("ticket-triage.json").read_bytes()
)

LEAVE: dict[str, Any] = {
    "id": "leave-request",
    "name": "Leave request",
    "description": "Somebody wants days off.\nShort ones are granted, long ones go to the manager.",
    "payloadSchema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["person", "days"],
        "properties": {
            "person": {"$ref": "#/$defs/person"},
            "days": {"type": "integer", "minimum": 1},
        },
        "$defs": {
            "person": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[^ ]"},
                    "deputy": {"$ref": "#/$defs/person"},
                },
            }
        },
    },
    "steps": [
        {
            "id": "measure",
            "type": "transform.assign",
            "config": {
                "assign": {
                    "vars.days": {"$expr": "payload.days"},
                    "vars.letter.head": {"to/cc": ["hr", {"$expr": "payload.person.name"}]},
                }
            },
        },
        {
            "id": "long",
            "name": "Is it long?",
            "type": "control.if",
            "condition": {"$expr": "vars.days > 5"},
            "then": [
                {
                    "id": "tell",
                    "type": "action.call",
                    "config": {
                        "actionId": "http.request",
                        "version": 1,
                        "inputMapping": {
                            "method": "PUT",
                            "url": "https://desk.example/leave",
                            "json": {"~who": {"$expr": "payload.person"}, "days/n": 5},
                        },
                        "saveAs": "vars.answer",
                    },
                },
                {"id": "asked", "type": "control.return", "value": {"granted": False}},
            ],
            "else": [
                {
                    "id": "note",
                    "type": "action.call",
                    "config": {
                        "actionId": "log.write",
                        "version": 1,
                        "inputMapping": {"$expr": "{'message': 'granted'}"},
                    },
                }
            ],
        },
        {"id": "granted", "type": "control.return", "value": {"granted": True}},
    ],
}

SMALLEST: dict[str, Any] = {
    "id": "a",
    "name": "A",
    "steps": [{"id": "end", "type": "control.return"}],
}

CORRECT: dict[str, dict[str, Any]] = {"sample": SAMPLE, "leave": LEAVE, "smallest": SMALLEST}


def catalogue() -> Catalogue:
    """The contracts of the actions that come with the engine; nothing else is known."""
    return Catalogue(actions=builtin_specs())


def at(document: Any, where: str) -> Any:
    """What the pointer `where` leads to; LookupError if that is nothing."""
    here = document
    for part in parts(where):
        here = here[key_of(here, part)]
    return here


def edited(document: dict[str, Any], *edits: tuple[str, Any]) -> dict[str, Any]:
    """A copy of `document` in which each pointer of `edits` has its value; `...` removes it.

    In a list, `-` stands for a new last entry and `+2` for a new one in front of that with index 2.
    """
    made = copy.deepcopy(document)
    for where, value in edits:
        *_, last = parts(where)
        holder = at(made, where.rpartition("/")[0])
        if value is ...:
            del holder[key_of(holder, last)]
        elif isinstance(holder, list) and last[0] in "-+":
            entries = cast("list[Any]", holder)
            entries.insert(len(entries) if last == "-" else int(last), value)
        else:
            holder[key_of(holder, last)] = value
    return made


def parts(where: str) -> list[str]:
    """The names and indices of a JSON Pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")[1:]]


def key_of(holder: Any, part: str) -> Any:
    """`part` as a key of `holder`."""
    return int(part) if isinstance(holder, list) else part


def json_values(words: st.SearchStrategy[str], *, whole: bool) -> st.SearchStrategy[Any]:
    """JSON values whose texts and names are often from `words`; `whole`: as `strict_json` reads."""
    texts = words | st.text(max_size=6)
    odd = st.sampled_from([2**53, -(2**53), 10**400, float("nan"), float("inf"), 1e17])
    numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.sampled_from([0.5, -1.0, 1e300])
    leaves = st.none() | st.booleans() | texts | (numbers if whole else numbers | odd)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=25,
    )
