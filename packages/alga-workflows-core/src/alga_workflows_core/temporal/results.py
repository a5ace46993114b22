"""A run's result is held against its schema by a local activity: large ones take seconds, and
workflow code that takes two is ended.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.temporal.names import CHECK_RESULT_ACTIVITY
from alga_workflows_core.temporal.wire import CheckAnswer, CheckRequest
from alga_workflows_core.types.json import Json, JsonObject

CHECK_TIMEOUT = timedelta(minutes=2)


async def check_result(schema: JsonObject, result: Json) -> ErrorInfo | None:
    """Why the result does not fit the schema, or None. To be called in a workflow."""
    answer = await workflow.execute_local_activity(
        CHECK_RESULT_ACTIVITY,
        CheckRequest(result_schema=schema, result=result),
        result_type=CheckAnswer,
        start_to_close_timeout=CHECK_TIMEOUT,
        summary="check the result",
    )
    return None if answer.error is None else ErrorInfo.from_json(answer.error)
