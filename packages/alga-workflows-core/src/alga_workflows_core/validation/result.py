"""A run's result against its definition's `resultSchema` (JSON Schema 2020-12)."""

from __future__ import annotations

from jsonschema.exceptions import ValidationError

from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import bounded
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.json_schema import faults_of
from alga_workflows_core.validation.schema_faults import shortened

MAX_LISTED = 20


def result_error(schema: JsonObject, result: Json) -> ErrorInfo | None:
    """The error `RESULT_INVALID`, whose details list faults with their places; None if it fits.

    `schema` is a published one, in which `schema_faults` found nothing. Large results take seconds.
    """
    try:
        faults = sorted(faults_of(result, schema), key=_place)
    except RecursionError:
        return _error("It is nested too deeply for the schema.", {})
    except ValueError as error:
        # Published before such patterns were refused.
        return _error(f"No result can be held against the schema. {error}", {})
    if not faults:
        return None
    listed = [
        {"path": _place(fault), "message": f"{shortened(fault.message)}."}
        for fault in faults[:MAX_LISTED]
    ]
    return _error(listed[0]["message"], {"faults": listed, "total": len(faults)})


def _error(why: str, details: JsonObject) -> ErrorInfo:
    return bounded(
        ErrorInfo(
            code="RESULT_INVALID",
            category=Category.VALIDATION,
            message=f"The result does not fit the definition's resultSchema: {why}",
            details=details or None,
        )
    )


def _place(fault: ValidationError) -> str:
    return pointer("result", *fault.absolute_path)
