"""A run's payload against its definition's `payloadSchema` (JSON Schema 2020-12).

Schemas cannot reach outside themselves: a `$ref` to another document is an error, not a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry

from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.schemas import shortened

MAX_LISTED = 20


def check_payload(schema: JsonObject, payload: Json, *, definition_id: str) -> None:
    """InputError `PAYLOAD_INVALID`, listing faults with their places, if it does not fit.

    `schema` is a published one, in which `schema_faults` found nothing.
    """
    registry: Registry[Json] = Registry()
    validator = Draft202012Validator(schema, registry=registry)
    iter_errors = cast("Callable[[Json], Iterator[ValidationError]]", validator.iter_errors)
    remedy = "Correct the payload; the definition's payloadSchema says what is expected."
    try:
        faults = sorted(iter_errors(payload), key=_place)
    except RecursionError as error:
        # Schemas that go round in circles are not published, so the payload is what is deep.
        raise InputError(
            f"The payload is nested too deeply for the schema of {definition_id!r}.",
            code="PAYLOAD_INVALID",
            path="/payload",
            remedy=remedy,
        ) from error
    if faults:
        listed = [
            {"path": _place(fault), "message": f"{shortened(fault.message)}."}
            for fault in faults[:MAX_LISTED]
        ]
        first = listed[0]
        raise InputError(
            f"The payload does not fit the schema of {definition_id!r}: {first['message']}",
            code="PAYLOAD_INVALID",
            path=first["path"],
            remedy=remedy,
            details={"faults": listed, "total": len(faults)},
        )


def _place(fault: ValidationError) -> str:
    return pointer("payload", *fault.absolute_path)
