"""Structure: the models' own verdict on a document, told in the document's terms."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from pydantic import ValidationError

from alga_workflows_core.definition import faults
from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.definition.model import Model
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.steps import (
    STEP_TYPES,
    ActionStep,
    AssignStep,
    IfStep,
    ReturnStep,
)
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.suggest import did_you_mean

_STEP_MODELS: Mapping[str, type[Model]] = MappingProxyType(
    {
        "transform.assign": AssignStep,
        "control.if": IfStep,
        "action.call": ActionStep,
        "control.return": ReturnStep,
    }
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
            known = [field.alias or name for name, field in model.model_fields.items()]
            suggestion = did_you_mean(str(places[-1]), known) or f"Its fields are {_list(known)}."
            return error(Code.FIELD_UNKNOWN, here, message, suggestion)
        case "missing":
            return error(Code.FIELD_MISSING, here, message)
        case "union_tag_not_found":
            return error(
                Code.FIELD_MISSING,
                here + pointer("type"),
                "The field 'type' is missing.",
                f"This release runs {_list(STEP_TYPES)}.",
            )
        case "union_tag_invalid":
            tag = str(fault["ctx"]["tag"])
            return error(
                Code.STEP_TYPE_UNKNOWN,
                here + pointer("type"),
                f"There is no step type {faults.quoted(tag)} in this release.",
                did_you_mean(tag, STEP_TYPES) or f"It runs {_list(STEP_TYPES)}.",
            )
        case _:
            return error(Code.FIELD_INVALID, here, message)


def _place(location: Sequence[str | int]) -> tuple[list[str | int], type[Model]]:
    """Where in the document `location` is, and the model of what holds it.

    Behind the index of a step, Pydantic puts the step's type, which is no place.
    """
    places: list[str | int] = []
    model: type[Model] = Definition
    after_index = False
    for part in location:
        if after_index and part in _STEP_MODELS:
            model = _STEP_MODELS[str(part)]
        else:
            places.append(part)
            model = _held_by(model, part) or model
        after_index = isinstance(part, int)
    return places, model


def _held_by(model: type[Model], name: str | int) -> type[Model] | None:
    """The model of the field `name` of `model`, if it is an object with fields of its own."""
    for field_name, field in model.model_fields.items():
        if name == (field.alias or field_name):
            kind = field.annotation
            return kind if inspect.isclass(kind) and issubclass(kind, Model) else None
    return None


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
