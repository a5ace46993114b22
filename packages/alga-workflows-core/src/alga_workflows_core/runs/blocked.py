"""What a run that acts is held up by: an action that nobody has taken from its queue.

Only Temporal knows, so it is asked when somebody looks; rows say nothing of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import Client
from temporalio.service import RPCError

from alga_workflows_core.definition.model import Model
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.temporal.names import PERFORM_ACTIVITY, step_of_activity, workflow_id
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


@dataclass(frozen=True, slots=True)
class _Waiting:
    queue: str
    step: str
    since: datetime
    until: datetime | None


class Blocked:
    """Asks Temporal. An action counts when it has waited for more than `after` seconds."""

    def __init__(self, client: Client, *, after: float) -> None:
        self._client = client
        self._after = timedelta(seconds=after)

    async def on_queues(self, run: RunRow) -> list[BlockedOnQueue]:
        """The actions of a run that nobody takes, the longest waiting first.

        Empty for a run that is not RUNNING, and where Temporal cannot tell.
        """
        if run.status is not RunStatus.RUNNING:
            return []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(run)
        except (RPCError, TimeoutError) as error:
            reason = error.message if isinstance(error, RPCError) else "no answer in time"
            log.warning(
                f"What run {run.id} is blocked on cannot be told: {reason}",
                action="run.blocked_unknown",
                run_id=str(run.id),
            )
            return []

    async def _ask(self, run: RunRow) -> list[BlockedOnQueue]:
        handle = self._client.get_workflow_handle(workflow_id(run.id))
        described = await handle.describe()
        waiting = list(self._long_waiting(described.raw_description))
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
        for pending in described.pending_activities:
            is_scheduled = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
            if not is_scheduled or pending.activity_type.name != PERFORM_ACTIVITY:
                continue
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


def _asked_since(last_polled: datetime | None, since: datetime) -> bool:
    # The server lists pollers for minutes after they have gone. Whoever had been waiting for work
    # would have got this, so only those count that have come since.
    return last_polled is not None and last_polled > since


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.ByteSize() else None
