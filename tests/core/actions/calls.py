"""A workflow that makes one call, as a run does, and tells how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.runs.perform_activity import PerformActivity
from alga_workflows_core.temporal.names import PERFORM_ACTIVITY
from alga_workflows_core.temporal.wire import PerformRequest, PerformResult, RunIdentity
from alga_workflows_core.types.model import Model

DEADLINE = 25.0
"""Seconds after which a test gives up."""


class Plan(Model):
    """`limit`: seconds after which the server takes an attempt for lost."""

    request: PerformRequest
    local: bool = False
    limit: float = 60.0


class Ended(Model):
    """`output` and `attempt` of a success; of a failure its `PerformFailure` as JSON."""

    output: Any = None
    attempt: int = 0
    failure: dict[str, Any] | None = None

    @property
    def error(self) -> dict[str, Any]:
        assert self.failure is not None, self
        return self.failure["error"]


@workflow.defn
class OneCall:
    """Performs what it is told to; `stop` asks the action to stop."""

    def __init__(self) -> None:
        self._call: asyncio.Future[PerformResult] | None = None

    @workflow.run
    async def run(self, plan: Plan) -> Ended:
        limit = timedelta(seconds=plan.limit)
        if plan.local:
            self._call = workflow.start_local_activity(
                PERFORM_ACTIVITY,
                plan.request,
                result_type=PerformResult,
                start_to_close_timeout=limit,
                retry_policy=RetryPolicy(),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        else:
            self._call = workflow.start_activity(
                PERFORM_ACTIVITY,
                plan.request,
                result_type=PerformResult,
                start_to_close_timeout=limit,
                schedule_to_close_timeout=timedelta(hours=24),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        try:
            result = await self._call
        except FailureError as error:
            cause = error.cause if isinstance(error, ActivityError) else error
            if not isinstance(cause, ApplicationError) or not cause.details:
                return Ended(failure={"error": {"code": repr(cause)}, "unknown": None})
            return Ended(failure=cast("dict[str, Any]", cause.details[0]))
        return Ended(output=result.output, attempt=result.attempt)

    @workflow.signal
    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()


def request(**fields: Any) -> PerformRequest:
    """A call of a run of its own."""
    plain: dict[str, Any] = {
        "run": RunIdentity(
            run_id=uuid4(),
            tenant_id="acme",
            workflow_id="triage",
            workflow_version=1,
            trigger_type="api",
            execution_key="key",
        ),
        "temporal_run_id": "none",
        "step": "loop[1]/call",
        "series": 1,
        "action_id": "target.call",
        "version": 1,
        "input": {},
    }
    return PerformRequest(**{**plain, **fields})


@asynccontextmanager
async def serving(
    client: Client, performer: Performer, *, queue: str = "calls"
) -> AsyncGenerator[Worker]:
    """A worker for calls, which gives activities no time when it is stopped."""
    async with Worker(
        client,
        task_queue=queue,
        workflows=[OneCall],
        activities=[PerformActivity(performer).perform],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id="test",
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(),
    ) as worker:
        yield worker


async def start(
    client: Client, made: PerformRequest, *, queue: str = "calls", **plan: Any
) -> WorkflowHandle[OneCall, Ended]:
    """Begin a call."""
    return await client.start_workflow(
        OneCall.run, Plan(request=made, **plan), id=f"call-{uuid4()}", task_queue=queue
    )


async def ended(handle: WorkflowHandle[OneCall, Ended]) -> Ended:
    """How the call ended."""
    async with asyncio.timeout(DEADLINE):
        return await handle.result()


async def activities_in(handle: WorkflowHandle[OneCall, Ended]) -> int:
    """How many activities the history has: each is one, however often it was attempted."""
    return len(
        [
            event
            async for event in handle.fetch_history_events()
            if event.event_type
            in (
                EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
                EventType.EVENT_TYPE_MARKER_RECORDED,
            )
        ]
    )
