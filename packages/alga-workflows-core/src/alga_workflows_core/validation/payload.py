"""A run's payload against its definition's `payloadSchema` (JSON Schema 2020-12).

Schemas cannot reach outside themselves: a `$ref` to another document is an error, not a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject

MAX_LISTED = 20


def schema_fault(schema: JsonObject) -> str | None:
    """Why `schema` is not a usable JSON Schema, or None."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{_pointer(error)}: {error.message}" if _pointer(error) else error.message
    return None


def check_payload(definition: Definition, payload: Json) -> None:
    """InputError `PAYLOAD_INVALID`, listing every fault with its place, if it does not fit."""
    if definition.payload_schema is None:
        return
    validator = Draft202012Validator(definition.payload_schema, registry=Registry())
    try:
        iter_errors = cast("Callable[[Json], Iterator[ValidationError]]", validator.iter_errors)
        faults = sorted(iter_errors(payload), key=_pointer)
    except Unresolvable as error:
        raise InputError(
            f"The payload schema refers to {error.ref!r}, which is not part of it.",
            code="PAYLOAD_SCHEMA_INVALID",
            path="/payloadSchema",
            remedy="Put the referenced schema into $defs and publish again.",
        ) from error
    if faults:
        listed = [
            {"path": f"/payload{_pointer(fault)}", "message": fault.message[:500]}
            for fault in faults[:MAX_LISTED]
        ]
        first = listed[0]
        raise InputError(
            f"The payload does not fit the schema of {definition.id!r}: {first['message']}.",
            code="PAYLOAD_INVALID",
            path=first["path"],
            remedy="Correct the payload; the definition's payloadSchema says what is expected.",
            details={"faults": listed, "total": len(faults)},
        )


def _pointer(fault: ValidationError | SchemaError) -> str:
    parts = cast("list[Any]", list(fault.absolute_path))
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
