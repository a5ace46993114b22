"""Who polls a queue, as the server knows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

Kind: TypeAlias = Literal["workflow", "activity"]

RPC_TIMEOUT = timedelta(seconds=1.5)

_TYPES: dict[Kind, TaskQueueType.ValueType] = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """One that has polled in the last minutes; `last_poll` is by the server's clock."""

    identity: str
    kind: Kind
    last_poll: datetime


async def pollers(client: Client, queue: str) -> list[Poller]:
    """Those of workflow tasks and of activities. RPCError when Temporal does not answer.

    Of a queue with several partitions the server tells of the first one's pollers alone.
    """
    both = await asyncio.gather(*(_pollers(client, queue, kind) for kind in _TYPES))
    return [poller for kind in both for poller in kind]


async def _pollers(client: Client, queue: str, kind: Kind) -> list[Poller]:
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=_TYPES[kind],
    )
    found = await client.workflow_service.describe_task_queue(asked, timeout=RPC_TIMEOUT)
    return [
        Poller(
            identity=each.identity,
            kind=kind,
            last_poll=each.last_access_time.ToDatetime(tzinfo=UTC),
        )
        for each in found.pollers
    ]
