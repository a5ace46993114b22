"""What holds up a run and no row tells: an action that nobody has taken from its queue, and one
that failed and is to be tried again.

Only Temporal and the run know, so they are asked when somebody looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel
from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.temporal.names import (
    CURRENT_WAIT_QUERY,
    PERFORM_ACTIVITY,
    step_of_activity,
    workflow_id,
)
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.states import RunStatus

log = structlog.get_logger()

# People are waiting for the rest of the answer.
PATIENCE_SECONDS = 2.0


class BlockedOnQueue(Model):
    """An action that has been waiting in `queue` since `since`, and that nobody has asked for.

    `step` is its path, `until` when the run gives up. `lastPolledAt`: when a worker has last asked
    the queue for work, null if none has for some minutes.
    """

    kind: Literal["queue"] = "queue"
    queue: str
    step: str
    since: datetime
    until: datetime | None
    last_polled_at: datetime | None


class BlockedOnRetry(Model):
    """A step whose last attempt failed, with an error of this `code`; it is tried again at `until`,
    as attempt number `attempt`. `since`: when it failed. Both are null where nobody knows any more.
    """

    kind: Literal["retry"] = "retry"
    step: str
    attempt: int
    since: datetime | None
    until: datetime
    code: str | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    queue: str
    step: str
    since: datetime
    until: datetime | None


class _Retry(Model):
    path: str
    attempt: int
    due: datetime
    since: datetime | None
    code: str | None


class _Told(BaseModel):
    """What is read of a run's answer."""

    retries: list[_Retry] = []


class Blocked:
    """Asks Temporal. An action counts when it has waited for more than `after` seconds."""

    def __init__(self, client: Client, *, after: float) -> None:
        self._client = client
        self._after = timedelta(seconds=after)

    async def on_temporal(
        self, run: RunRow, *, has_waits: bool = False
    ) -> list[BlockedOnQueue | BlockedOnRetry]:
        """The actions of a run that nobody takes, the longest waiting first, and the steps that
        wait to be tried again, the next first.

        Of a run that is WAITING itself is asked, but not if it `has_waits` that are open: they are
        what holds it up. Empty for a run that is neither that nor RUNNING, and where nobody can
        tell.
        """
        ask = {RunStatus.RUNNING: self._described, RunStatus.WAITING: self._told}.get(run.status)
        if ask is None or (run.status is RunStatus.WAITING and has_waits):
            return []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await ask(self._client.get_workflow_handle(workflow_id(run.id)))
        except (RPCError, WorkflowQueryFailedError, TimeoutError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else error.message
            log.warning(
                f"What run {run.id} is blocked on cannot be told: {reason}",
                action="run.blocked_unknown",
                run_id=str(run.id),
            )
            return []

    async def _told(
        self, handle: WorkflowHandle[Any, Any]
    ) -> list[BlockedOnQueue | BlockedOnRetry]:
        told = await handle.query(CURRENT_WAIT_QUERY, result_type=_Told)
        return [
            BlockedOnRetry(
                step=each.path,
                attempt=each.attempt,
                since=each.since,
                until=each.due,
                code=each.code,
            )
            for each in sorted(told.retries, key=lambda each: each.due)
        ]

    async def _described(
        self, handle: WorkflowHandle[Any, Any]
    ) -> list[BlockedOnQueue | BlockedOnRetry]:
        described = (await handle.describe()).raw_description
        retries = sorted(_retries(described), key=lambda each: each.until)
        return [*await self._on_queues(described), *retries]

    async def _on_queues(
        self, described: DescribeWorkflowExecutionResponse
    ) -> list[BlockedOnQueue]:
        waiting = list(self._long_waiting(described))
        queues = sorted({each.queue for each in waiting})
        polled = await asyncio.gather(*(self._last_polled(queue) for queue in queues))
        last = dict(zip(queues, polled, strict=True))
        return [
            BlockedOnQueue(
                queue=each.queue,
                step=each.step,
                since=each.since,
                until=each.until,
                last_polled_at=last[each.queue],
            )
            for each in sorted(waiting, key=lambda each: each.since)
            if not _asked_since(last[each.queue], each.since)
        ]

    def _long_waiting(self, described: DescribeWorkflowExecutionResponse) -> Iterator[_Waiting]:
        for pending in _scheduled(described):
            # That of the attempt that is pending: in the future between two attempts.
            since = _moment(pending.scheduled_time)
            if since is not None and datetime.now(UTC) - since > self._after:
                yield _Waiting(
                    queue=pending.activity_options.task_queue.name,
                    step=step_of_activity(pending.activity_id),
                    since=since,
                    until=_moment(pending.expiration_time),
                )

    async def _last_polled(self, queue: str) -> datetime | None:
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            )
        )
        polled = [_moment(poller.last_access_time) for poller in answer.pollers]
        return max((moment for moment in polled if moment is not None), default=None)


def _scheduled(described: DescribeWorkflowExecutionResponse) -> Iterator[PendingActivityInfo]:
    for pending in described.pending_activities:
        is_scheduled = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        if is_scheduled and pending.activity_type.name == PERFORM_ACTIVITY:
            yield pending


def _retries(described: DescribeWorkflowExecutionResponse) -> Iterator[BlockedOnRetry]:
    """What Temporal has in hand to try again later."""
    for pending in _scheduled(described):
        until = _moment(pending.scheduled_time)
        if until is not None and until > datetime.now(UTC):
            failure = pending.last_failure.application_failure_info
            yield BlockedOnRetry(
                step=step_of_activity(pending.activity_id),
                attempt=pending.attempt,
                since=_moment(pending.last_attempt_complete_time),
                until=until,
                code=failure.type or None,
            )


def _asked_since(last_polled: datetime | None, since: datetime) -> bool:
    # The server lists pollers for minutes after they have gone. Whoever had been waiting for work
    # would have got this, so only those count that have come since.
    return last_polled is not None and last_polled > since


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.ByteSize() else None
