"""Structure: the models' own verdict on a document, told in the document's terms."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast, get_args

from pydantic import ValidationError

from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.definition.steps.event_wait import (
    Deadline,
    EventWaitStep,
    WaitAll,
    WaitAny,
    WaitOne,
)
from alga_workflows_core.definition.steps.time_wait import (
    TimeWaitStep,
    WaitBusinessTime,
    WaitDuration,
    WaitUntil,
)
from alga_workflows_core.definition.steps.union import STEP_MODELS
from alga_workflows_core.definition.tree import BLOCK_NAMES
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.findings import Code, Finding, error

_TAGGED: Mapping[tuple[type[Model], str], Mapping[str, type[Model]]] = MappingProxyType(
    {
        (TimeWaitStep, "config"): {
            "duration": WaitDuration,
            "until": WaitUntil,
            "businessTime": WaitBusinessTime,
        },
        (EventWaitStep, "config"): {"one": WaitOne, "any": WaitAny, "all": WaitAll},
    }
)
"""Fields that hold one of several models; behind the field Pydantic puts the key of which."""

_OF_WAITS = frozenset(
    field.alias or name
    for model in (WaitOne, WaitAny, WaitAll)
    for name, field in model.model_fields.items()
)

# Pydantic puts this behind a key that is refused itself, not its value. A field may be called so.
_KEY = "[key]"


def read_definition(document: Json, *, at_most: int) -> tuple[Definition | None, list[Finding]]:
    """The definition, or None and the first reasons why the document is not one."""
    if not isinstance(document, dict):
        return None, [error(Code.DOCUMENT_NOT_OBJECT, "", "The document has to be an object.")]
    try:
        return parse_definition(cast("Json", document)), []
    except ValidationError as refusal:
        listed = refusal.errors(include_url=False, include_input=False)[:at_most]
        return None, [_finding(cast("Any", fault)) for fault in listed]


def _finding(fault: Mapping[str, Any]) -> Finding:
    location = fault["loc"]
    if fault["type"] == "value_error" and location[-1] == _KEY:
        location = location[:-1]
    places, model = _place(location)
    here = pointer(*places)
    message = f"{faults.sentence(fault)}."
    match fault["type"]:
        case "extra_forbidden":
            return error(Code.FIELD_UNKNOWN, here, message, _instead(str(places[-1]), model))
        case "missing":
            return error(Code.FIELD_MISSING, here, message)
        case "field_needed":
            return error(Code.FIELD_MISSING, here + pointer(fault["ctx"]["field"]), message)
        case "field_fault":
            return error(Code.FIELD_INVALID, here + pointer(fault["ctx"]["field"]), message)
        case "too_short" if places[-1] in BLOCK_NAMES:
            return error(
                Code.BLOCK_EMPTY,
                here,
                "There is no step in it.",
                "Give it a step, or remove it if it may be left out.",
            )
        case "union_tag_not_found" | "union_tag_invalid":
            return _unknown_kind(fault, places, here)
        case _:
            return error(Code.FIELD_INVALID, here, message)


def _instead(name: str, model: type[Model]) -> str:
    """What may stand where a field `name` of `model` was written."""
    if issubclass(model, Deadline) and name in _OF_WAITS:
        return "A wait looks for one event, for `any` of several, or for `all` of them."
    known = [field.alias or own for own, field in model.model_fields.items()]
    return did_you_mean(name, known) or f"Its fields are {_list(known)}."


def _unknown_kind(fault: Mapping[str, Any], places: Sequence[str | int], here: str) -> Finding:
    """It says with one of its fields what it is: a step with `type`, a wait with `mode`."""
    is_step = isinstance(places[-1], int)
    field = str(fault["ctx"]["discriminator"]).strip("'")
    known = list(STEP_MODELS) if is_step else _tags(str(fault["ctx"].get("expected_tags", "")))
    if fault["type"] == "union_tag_not_found":
        if not is_step:
            known = list(_TAGGED[TimeWaitStep, "config"])
        return error(
            Code.FIELD_MISSING,
            here + pointer(field),
            f"The field {field!r} is missing.",
            f"It is one of {_list(known)}.",
        )
    tag = str(fault["ctx"]["tag"])
    suggestion = did_you_mean(tag, known) or f"It is one of {_list(known)}."
    if is_step:
        message = f"There is no step type {faults.quoted(tag)}."
        return error(Code.STEP_TYPE_UNKNOWN, here + pointer(field), message, suggestion)
    message = f"There is no {field} {faults.quoted(tag)}."
    return error(Code.FIELD_INVALID, here + pointer(field), message, suggestion)


def _tags(listed: str) -> list[str]:
    return [tag.strip(" '") for tag in listed.split(",")]


def _place(location: Sequence[str | int]) -> tuple[list[str | int], type[Model]]:
    """Where in the document `location` is, and the model of what holds it.

    Behind the index of a step Pydantic puts the step's type, and behind a field with several
    models which of them it is; these are no places.
    """
    places: list[str | int] = []
    model: type[Model] = Definition
    kinds: Mapping[str, type[Model]] = {}
    for part in location:
        if part in kinds:
            model = kinds[str(part)]
            kinds = {}
            continue
        places.append(part)
        if isinstance(part, int):
            kinds = STEP_MODELS
        else:
            kinds = _TAGGED.get((model, part), {})
            model = _held_by(model, part) or model
    return places, model


def _held_by(model: type[Model], name: str) -> type[Model] | None:
    """The model of the field `name` of `model`, or of its entries, if these have fields."""
    for field_name, field in model.model_fields.items():
        if name == (field.alias or field_name):
            return _model_in(field.annotation)
    return None


def _model_in(annotation: Any) -> type[Model] | None:
    if inspect.isclass(annotation) and issubclass(annotation, Model):
        return annotation
    inner = (_model_in(argument) for argument in get_args(annotation))
    found = [model for model in inner if model is not None]
    return found[0] if len(found) == 1 else None


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
