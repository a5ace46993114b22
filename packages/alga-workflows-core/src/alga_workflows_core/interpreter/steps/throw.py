"""`control.throw`: fail with an error of the author's own, or with the caught one again."""

from __future__ import annotations

from typing import cast

from alga_workflows_core.definition.steps.throw import THROWN, ThrowStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.outcome import Failed, Outcome
from alga_workflows_core.interpreter.sizes import MAX_ERROR_BYTES, check_size, encoded_size
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import JsonObject


async def run(step: ThrowStep, visit: Visit) -> Outcome:
    """The error, whose `step` is this one's path; a caught one keeps its own."""
    if step.is_rethrow and visit.frame.caught is not None:
        return Failed(visit.frame.caught)
    message = visit.scope.resolve(step.message, visit.path)
    details = visit.scope.resolve(step.details, visit.path)
    error = ErrorInfo(
        code=step.code or THROWN,
        category=Category.ACTION,
        message=message if isinstance(message, str) else step.code or THROWN,
        details=_details(details),
        step=visit.path,
    )
    check_size(
        encoded_size(error.as_json()), limit=MAX_ERROR_BYTES, what="The error", step=visit.path
    )
    return Failed(error)


def _details(value: object) -> JsonObject | None:
    """Details are an object; any other value becomes the member `value` of one."""
    if value is None:
        return None
    return cast("JsonObject", value) if isinstance(value, dict) else {"value": value}
