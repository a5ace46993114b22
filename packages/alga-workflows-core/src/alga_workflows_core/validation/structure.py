"""Structure: the models' own verdict on a document, told in the document's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import ValidationError

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.model import Model
from alga_workflows_core.definition.steps import (
    STEP_TYPES,
    ActionConfig,
    ActionStep,
    AssignConfig,
    AssignStep,
    IfStep,
    ReturnStep,
)
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.suggest import did_you_mean

_STEP_MODELS: dict[str, type[Model]] = {
    "transform.assign": AssignStep,
    "control.if": IfStep,
    "action.call": ActionStep,
    "control.return": ReturnStep,
}
_CONFIG_MODELS: dict[str, type[Model]] = {
    "transform.assign": AssignConfig,
    "action.call": ActionConfig,
}


def read_definition(document: Json) -> tuple[Definition | None, list[Finding]]:
    """The definition, or None and why the document is not one."""
    if not isinstance(document, dict):
        return None, [error(Code.DOCUMENT_NOT_OBJECT, "", "The document has to be an object.")]
    try:
        return Definition.model_validate(document, by_alias=True, by_name=False), []
    except ValidationError as faults:
        listed = faults.errors(include_url=False, include_input=False)
        return None, [_finding(cast("Json", document), cast("Any", fault)) for fault in listed]


def _finding(document: Json, fault: dict[str, Any]) -> Finding:
    places = _places(document, fault["loc"])
    pointer = "".join(f"/{place}" for place in places)
    name = str(places[-1]) if places else ""
    match fault["type"]:
        case "extra_forbidden":
            return error(
                Code.FIELD_UNKNOWN,
                pointer,
                f"There is no field {name!r} here.",
                did_you_mean(name, _fields(document, places[:-1])),
            )
        case "missing":
            return error(Code.FIELD_MISSING, pointer, f"The field {name!r} is missing.")
        case "union_tag_not_found":
            return error(
                Code.FIELD_MISSING,
                f"{pointer}/type",
                "The field 'type' is missing.",
                f"This release runs {', '.join(STEP_TYPES)}.",
            )
        case "union_tag_invalid":
            tag = str(fault["ctx"]["tag"])
            return error(
                Code.STEP_TYPE_UNKNOWN,
                f"{pointer}/type",
                f"There is no step type {tag!r} in this release.",
                did_you_mean(tag, STEP_TYPES) or f"It runs {', '.join(STEP_TYPES)}.",
            )
        case _:
            return error(Code.FIELD_INVALID, pointer, f"{fault['msg']}.")


def _places(document: Json, location: Sequence[str | int]) -> list[str | int]:
    """Pydantic's location without the tags that it puts in for the members of a union."""
    places: list[str | int] = []
    here: Json = document
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(here, list) and isinstance(part, int):
            items = cast("list[Json]", here)
            here = items[part] if part < len(items) else None
        elif isinstance(here, dict) and (part in here or last):
            here = cast("dict[Any, Json]", here).get(part)
        else:
            continue
        places.append(part)
    return places


def _fields(document: Json, places: Sequence[str | int]) -> list[str]:
    """The names of the fields that may stand at `places`."""
    here: Any = document
    parent: Any = None
    for place in places:
        parent, here = here, here[place]
    model: type[Model] = Definition
    if places:
        owner = parent if places[-1] == "config" else here
        table = _CONFIG_MODELS if places[-1] == "config" else _STEP_MODELS
        kind = cast("dict[str, Any]", owner).get("type") if isinstance(owner, dict) else None
        found = table.get(str(kind))
        if found is None:
            return []
        model = found
    return [field.alias or name for name, field in model.model_fields.items()]
