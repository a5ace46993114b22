"""Which processes polled the queues of projects and when, as Temporal itself says.

Temporal notes an access of a poller at the begin of each poll and at its end, and lists it for
minutes after that. A poll that is open when its process is killed ends when the server sees that
the connection is closed, which is later than the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

_EVERY = 0.5
_PATIENCE = 30.0
_KINDS = (
    TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
)
_IDENTITY = re.compile(r"project:(\S+):(\w+)#(\d+)@\S+/(\d+):(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """A process that polls for a slot, in an epoch."""

    slot: str
    epoch: int
    pid: int


class Polls:
    """What was seen of some queues. Times are those of the wall clock, in seconds."""

    def __init__(self, client: Client, queues: Iterable[str]) -> None:
        self._client = client
        self._queues = list(queues)
        self._first: dict[Poller, float] = {}
        self._last: dict[Poller, float] = {}
        self._watched: dict[int, int] = {}
        self._ended: dict[int, float] = {}

    @property
    def pollers(self) -> list[Poller]:
        """All that there ever were."""
        return list(self._first)

    @property
    def successions(self) -> int:
        """How often another epoch of a slot began to poll: what there is to be judged."""
        epochs = {(poller.slot, poller.epoch) for poller in self._first}
        return len(epochs) - len({slot for slot, _ in epochs})

    async def run(self) -> None:
        """Look twice a second, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Ask Temporal once about each queue."""
        asked = [self._look_at(queue, kind) for queue in self._queues for kind in _KINDS]
        await asyncio.gather(*asked)

    async def end(self) -> None:
        """Look when all processes have ended, and with them the polls that were open so far."""
        async with asyncio.timeout(_PATIENCE):
            while self._watched:  # noqa: ASYNC110 - the loop's readers tell of each
                await asyncio.sleep(0.02)
        await self.look()

    def overlaps(self) -> list[str]:
        """Polls of an epoch after a later one of its slot had begun to poll.

        Allowed is an access of a process that had ended before that begin: it can only be the end
        of the poll that was open when the process was killed. That has no limit in time, since it
        is the server's to see that a connection is closed: while it makes a version known for the
        first time, that takes it five seconds. A process that had ended when it was first seen
        counts as one that ended before.
        """
        begins: dict[str, dict[int, float]] = defaultdict(dict)
        for poller, first in self._first.items():
            of_slot = begins[poller.slot]
            of_slot[poller.epoch] = min(first, of_slot.get(poller.epoch, first))
        wrong: list[str] = []
        for poller, last in self._last.items():
            of_slot = begins[poller.slot]
            later = [(begin, epoch) for epoch, begin in of_slot.items() if epoch > poller.epoch]
            begin, epoch = min(later, default=(last, 0))
            ended = self._ended.get(poller.pid)
            if last > begin and (ended is None or ended > begin):
                process = "lives" if ended is None else f"ended after {ended - begin:.3f} s"
                wrong.append(
                    f"{poller.slot}: epoch {poller.epoch} has polled {last - begin:.3f} s after"
                    f" epoch {epoch} had begun to; its process {poller.pid} {process}"
                )
        return wrong

    def close(self) -> None:
        """Watch no process any more."""
        for pid in list(self._watched):
            self._unwatch(pid)

    async def _look_at(self, queue: str, kind: TaskQueueType.ValueType) -> None:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=kind,
        )
        with contextlib.suppress(RPCError):
            answer = await self._client.workflow_service.describe_task_queue(request)
            for one in answer.pollers:
                self._heard(one.identity, one.last_access_time.ToNanoseconds() / 1e9)

    def _heard(self, identity: str, at: float) -> None:
        found = _IDENTITY.fullmatch(identity)
        assert found is not None, identity
        project_id, build, number, epoch, pid = found.groups()
        poller = Poller(slot=f"{project_id}/{build}/{number}", epoch=int(epoch), pid=int(pid))
        self._first[poller] = min(at, self._first.get(poller, at))
        self._last[poller] = max(at, self._last.get(poller, at))
        self._watch(poller.pid)

    def _watch(self, pid: int) -> None:
        """Be told of the end of a process, whosever it is."""
        if pid in self._watched or pid in self._ended:
            return
        try:
            self._watched[pid] = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended[pid] = 0.0
            return
        asyncio.get_running_loop().add_reader(self._watched[pid], self._has_ended, pid)

    def _has_ended(self, pid: int) -> None:
        self._ended[pid] = time.time()
        self._unwatch(pid)

    def _unwatch(self, pid: int) -> None:
        descriptor = self._watched.pop(pid)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
