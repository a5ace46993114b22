"""How an execution that Temporal has closed ended, told as the end of its run."""

from __future__ import annotations

from datetime import UTC
from typing import Any, cast

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.finishing import CANCELED, RUN_TIMEOUT
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.temporal.executions import Execution, Executions
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.states import RunStatus

TERMINATED = "TERMINATED"
EXECUTION_TIMEOUT = "EXECUTION_TIMEOUT"
EXECUTION_LOST = "EXECUTION_LOST"
EXECUTION_FAILED = "EXECUTION_FAILED"


async def ending_of(executions: Executions, execution: Execution) -> RunEnding:
    """What the last event of a closed execution says of its run."""
    event = await executions.last_event(execution)
    status, result, error = await _told(executions, execution, event)
    return RunEnding(
        status=status,
        result=result,
        error=None if error is None else error.as_json(),
        at=event.event_time.ToDatetime(tzinfo=UTC),
        temporal_run_id=execution.temporal_run_id,
    )


async def _told(
    executions: Executions, execution: Execution, event: HistoryEvent
) -> tuple[RunStatus, Json, ErrorInfo | None]:
    match execution.status:
        case WorkflowExecutionStatus.COMPLETED:
            completed = event.workflow_execution_completed_event_attributes.result.payloads
            values = await executions.decode(completed)
            return RunStatus.SUCCEEDED, values[0] if values else None, None
        case WorkflowExecutionStatus.FAILED:
            info = _info_of(await executions.failure(event))
            return _FAILED_AS.get((info.code, info.category), RunStatus.FAILED), None, info
        case WorkflowExecutionStatus.CANCELED:
            return RunStatus.CANCELED, None, canceled("The run was cancelled.")
        case WorkflowExecutionStatus.TERMINATED:
            return RunStatus.FAILED, None, await _terminated(executions, event)
        case WorkflowExecutionStatus.TIMED_OUT:
            return RunStatus.TIMED_OUT, None, _TIMED_OUT
        case _:
            raise RuntimeError(f"execution {execution.temporal_run_id} has not ended")


# A run that was cancelled in a former execution, or whose time was over, cannot end otherwise on
# Temporal. An author's error of that code has another category.
_FAILED_AS = {
    (RUN_TIMEOUT, Category.TIMEOUT): RunStatus.TIMED_OUT,
    (CANCELED, Category.CANCELLED): RunStatus.CANCELED,
}
_TIMED_OUT = ErrorInfo(
    code=EXECUTION_TIMEOUT,
    category=Category.TIMEOUT,
    message="Temporal ended the run at the timeout of its execution, without any clean-up.",
)


def canceled(message: str) -> ErrorInfo:
    """The error of a run that was cancelled."""
    return ErrorInfo(code=CANCELED, category=Category.CANCELLED, message=message)


def terminated(reason: str, **details: Any) -> ErrorInfo:
    """The error of a run that somebody ended at once."""
    return ErrorInfo(
        code=TERMINATED,
        category=Category.CANCELLED,
        message=f"The run was terminated, without any clean-up: {reason or 'no reason given'}.",
        details={"reason": reason, **details},
    )


async def _terminated(executions: Executions, event: HistoryEvent) -> ErrorInfo:
    told = event.workflow_execution_terminated_event_attributes
    # Whoever terminates by this runtime says who asked for it.
    by = await executions.decode(told.details.payloads)
    named = {"by": by[0]} if by and isinstance(by[0], str) else {}
    return terminated(told.reason, identity=told.identity, **named)


def _info_of(failure: BaseException) -> ErrorInfo:
    """The author's error, which a run fails with; of any other failure, what can be told."""
    if isinstance(failure, ApplicationError) and failure.details:
        told = failure.details[0]
        if isinstance(told, dict):
            try:
                return ErrorInfo.from_json(cast("dict[str, Any]", told))
            except (KeyError, ValueError):
                # Somebody else's details: told below like any other failure.
                pass
    return ErrorInfo(code=EXECUTION_FAILED, category=Category.ACTION, message=str(failure))
