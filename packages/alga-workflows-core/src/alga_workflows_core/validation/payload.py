"""A run's payload against the schema that its definition has or names (JSON Schema 2020-12).

Schemas cannot reach outside themselves: a `$ref` to another document is an error, not a request.
"""

from __future__ import annotations

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.listed_faults import listed_faults


def check_payload(schema: JsonObject, payload: Json, *, definition_id: str) -> None:
    """InputError `PAYLOAD_INVALID`, listing faults with their places, if it does not fit.

    `schema` is a published one, in which `schema_faults` found nothing.
    """
    remedy = "Correct the payload; the definition's payloadSchema says what is expected."
    try:
        faults = listed_faults(schema, payload, root="payload")
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
    if faults.total:
        first = faults.listed[0]
        raise InputError(
            f"The payload does not fit the schema of {definition_id!r}: {first['message']}",
            code="PAYLOAD_INVALID",
            path=first["path"],
            remedy=remedy,
            details={"faults": faults.listed, "total": faults.total},
        )
