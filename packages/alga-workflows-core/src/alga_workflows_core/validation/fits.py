"""Values of which parts are not known yet, against JSON Schemas (2020-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from jsonschema.exceptions import ValidationError

from alga_workflows_core.definition.values import is_special
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.json_schema import faults_of

_SHOWN = 150

# What these say of a value with unknown parts holds whatever the parts become: each expression
# gives one value, so members and entries are all there and no more.
_OF_THE_OUTSIDE = frozenset(
    {
        *("type", "required", "additionalProperties", "dependentRequired"),
        *("minProperties", "maxProperties", "minItems", "maxItems"),
    }
)
# Schemas that apply only if the value meets another one, which may depend on its unknown parts.
_CONDITIONAL = frozenset({"then", "else", "dependentSchemas"})


def misfits(schema: JsonObject, value: Json) -> Iterator[tuple[str, str]]:
    """Why `value` does not fit `schema`, whatever its expressions give.

    (JSON Pointer into the value, what is wrong there without a full stop). Nothing is said where
    it is not certain. `schema` is one in which `schema_faults` finds nothing.
    """
    try:
        found = [fault for fault in faults_of(value, schema) if _is_certain(value, fault)]
    except RecursionError:
        return
    for fault in found:
        message = fault.message
        shown = message if len(message) <= _SHOWN else f"{message[: _SHOWN - 1]}…"
        yield pointer(*fault.absolute_path), shown


def _is_certain(value: Json, fault: ValidationError) -> bool:
    here = value
    for part in fault.absolute_path:
        if is_special(here):
            return False
        here = cast("dict[str | int, Json]", here)[part]
    if is_special(here):
        return False
    if _CONDITIONAL.intersection(fault.absolute_schema_path):
        return is_known(value)
    return fault.validator in _OF_THE_OUTSIDE or is_known(here)


def is_known(value: Json) -> bool:
    """Whether `value` holds no expression, at whatever depth."""
    if isinstance(value, list):
        return all(is_known(item) for item in cast("list[Json]", value))
    if isinstance(value, dict):
        members = cast("JsonObject", value)
        return not is_special(members) and all(is_known(item) for item in members.values())
    return True
