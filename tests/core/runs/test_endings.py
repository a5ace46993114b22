"""What a failed execution says of its run."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.runs.reconciler_endings import ending_of
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import RUN_WORKFLOW, workflow_id
from alga_workflows_core.types.states import RunStatus


@workflow.defn(name=RUN_WORKFLOW)
class FailingRun:
    """Fails as it is told to, in the way in which runs do."""

    @workflow.run
    async def run(self, error: dict[str, Any]) -> None:
        raise ApplicationError(error["message"], error, type=error["code"], non_retryable=True)


@pytest.mark.parametrize(
    ("code", "category", "status"),
    [
        ("CANCELED", Category.CANCELLED, RunStatus.CANCELED),
        ("RUN_TIMEOUT", Category.TIMEOUT, RunStatus.TIMED_OUT),
        ("CANCELED", Category.ACTION, RunStatus.FAILED),
        ("RUN_TIMEOUT", Category.ACTION, RunStatus.FAILED),
        ("ANY", Category.EXPRESSION, RunStatus.FAILED),
    ],
)
async def test_the_error_says_how_the_run_ended(
    temporal_client: Client, code: str, category: Category, status: RunStatus
) -> None:
    """A run that was cancelled in a former execution, or ran out of time, can only fail on
    Temporal; an author's error of the same code is a failure."""
    told = ErrorInfo(code=code, category=category, message="It ended.")
    run_id = uuid4()
    async with Worker(
        temporal_client,
        task_queue="endings",
        workflows=[FailingRun],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        with pytest.raises(WorkflowFailureError):
            await temporal_client.execute_workflow(
                RUN_WORKFLOW, told.as_json(), id=workflow_id(run_id), task_queue="endings"
            )
    executions = Executions(temporal_client)
    execution = await executions.newest(run_id)
    assert execution is not None
    ending = await ending_of(executions, execution)
    assert (ending.status, ending.error) == (status, told.as_json())
