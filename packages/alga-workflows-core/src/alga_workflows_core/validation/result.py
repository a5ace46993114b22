"""A run's result against its definition's `resultSchema` (JSON Schema 2020-12)."""

from __future__ import annotations

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import bounded
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.listed_faults import listed_faults


def result_error(schema: JsonObject, result: Json) -> ErrorInfo | None:
    """The error `RESULT_INVALID`, whose details list faults with their places; None if it fits.

    `schema` is a published one, in which `schema_faults` found nothing. Large results take seconds.
    """
    try:
        faults = listed_faults(schema, result, root="result")
    except RecursionError:
        return _error("It is nested too deeply for the schema.", {})
    except ValueError as error:
        # Published before such patterns were refused.
        return _error(f"No result can be held against the schema. {error}", {})
    if not faults.total:
        return None
    details: JsonObject = {"faults": faults.listed, "total": faults.total}
    return _error(faults.listed[0]["message"], details)


def _error(why: str, details: JsonObject) -> ErrorInfo:
    return bounded(
        ErrorInfo(
            code="RESULT_INVALID",
            category=Category.VALIDATION,
            message=f"The result does not fit the definition's resultSchema: {why}",
            details=details or None,
        )
    )
