"""A run's payload against its definition's `payloadSchema` (JSON Schema 2020-12).

Schemas cannot reach outside themselves: a `$ref` to another document is an error, not a request.
"""

from __future__ import annotations

from jsonschema.exceptions import ValidationError

from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.json_schema import faults_of
from alga_workflows_core.validation.schema_faults import shortened

MAX_LISTED = 20


def check_payload(schema: JsonObject, payload: Json, *, definition_id: str) -> None:
    """InputError `PAYLOAD_INVALID`, listing faults with their places, if it does not fit.

    `schema` is a published one, in which `schema_faults` found nothing.
    """
    remedy = "Correct the payload; the definition's payloadSchema says what is expected."
    try:
        faults = sorted(faults_of(payload, schema), key=_place)
    except RecursionError as error:
        # Schemas that go round in circles are not published, so the payload is what is deep.
        raise InputError(
            f"The payload is nested too deeply for the schema of {definition_id!r}.",
            code="PAYLOAD_INVALID",
            path="/payload",
            remedy=remedy,
        ) from error
    except ValueError as error:
        # Published before such patterns were refused.
        raise InputError(
            f"No payload can be held against the schema of {definition_id!r}. {error}",
            code="PAYLOAD_INVALID",
            path="/payload",
            remedy="Correct the pattern in its payloadSchema and publish it again.",
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
