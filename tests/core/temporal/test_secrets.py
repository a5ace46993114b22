"""Secrets on Temporal: this release cannot open them, and says so before anything is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.temporal.names import FLUSH_ACTIVITY, RUN_WORKFLOW, TASK_QUEUE
from alga_workflows_core.temporal.wire import FlushRequest, RunInput
from alga_workflows_core.temporal.worker import build_worker
from tests.core.interpreter.world import call


@activity.defn(name=FLUSH_ACTIVITY)
async def _flush(request: FlushRequest) -> None:
    """Rows are of no interest here."""


def _start(steps: list[dict[str, Any]]) -> RunInput:
    return RunInput.model_validate(
        {
            "runId": uuid4(),
            "tenantId": "t",
            "workflowId": "a",
            "workflowVersion": 1,
            "triggerType": "api",
            "executionKey": "k",
            "engine": ENGINE,
            "expressionEngine": "any",
            "definition": {"id": "a", "name": "A", "steps": steps},
            "actions": [
                {"id": "ask", "version": 1, "kind": "read", "queue": TASK_QUEUE, "timeout": 1}
            ],
        }
    )


async def test_a_call_with_a_secret_fails_before_it_is_sent(temporal_client: Client) -> None:
    """Typed, with the step and the place; no activity was asked for, no name is in the history."""
    start = _start([call("ask", "ask", {"deep": [{"$secret": "API_TOKEN"}]})])
    worker = build_worker(
        temporal_client,
        registry=Registry([]),
        activities=[_flush],
        build_id="test",
        graceful_shutdown=timedelta(0),
    )
    async with worker:
        handle = await temporal_client.start_workflow(
            RUN_WORKFLOW, start, id=str(start.run_id), task_queue=TASK_QUEUE
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        events = (await handle.fetch_history()).events
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == ("SECRET_UNAVAILABLE", True)
    (error,) = cause.details
    assert error["category"] == "Validation"
    assert error["step"] == "ask"
    assert error["details"] == {"inputs": ["/deep/0"]}
    behind_the_start = events[1:]
    assert not any(
        event.HasField("activity_task_scheduled_event_attributes") for event in behind_the_start
    )
    assert not any("API_TOKEN" in str(event) for event in behind_the_start)
