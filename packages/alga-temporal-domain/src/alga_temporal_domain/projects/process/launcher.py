"""Starts projects' processes: one forkserver, which is started again when it dies."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from alga_temporal_domain.projects.calling import Broker, NoBroker
from alga_temporal_domain.projects.process.children import (
    Child,
    Ends,
    Listening,
    Outcome,
    open_ends,
)
from alga_temporal_domain.projects.process.forks import Forks
from alga_temporal_domain.projects.process.frames import Start, line
from alga_temporal_domain.projects.process.isolation.walls import Wall, in_force, users_fault
from alga_temporal_domain.projects.process.order import Order, Trial, WorkOrder
from alga_temporal_domain.projects.process.statistics import Stats
from alga_temporal_domain.projects.process.trials import Trials
from alga_workflows_core.errors import TooLargeError, UnavailableError

log = structlog.get_logger()

SILENCE = 15
"""Seconds without a word of it after which a process is killed as hung."""

_MEGABYTE = 1024 * 1024
_SDK_MEMORY = 64 * _MEGABYTE
_FORKSERVER_WAIT = 30.0
_TRIALS = 4
_SECONDS_TO_RESTART = 0.2
_USERS = 10_000


class Launcher(Trials):
    """A service (`infra.supervisor`): processes can be had while it runs, and end with it.

    `first_uid`: the first of 10,000 user ids that belong to nobody, one for each process; without
    root, or where others cannot read Python, there are none, and `walls` says so. `silence`:
    seconds without a frame after which a process counts as hung; they tell statistics every five.
    """

    name = "project-processes"

    def __init__(self, *, first_uid: int | None = None, silence: int = SILENCE) -> None:
        self._first_uid = first_uid
        self._gives_users = users_fault(first_uid) is None
        self._silence = silence
        self._forks: Forks | None = None
        self._available = asyncio.Event()
        self._stopping = asyncio.Event()
        self._trials = asyncio.Semaphore(_TRIALS)
        self._users: set[int] = set()
        self._following: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Keep a forkserver until stopped. UnavailableError when the first one does not start."""
        with tempfile.TemporaryDirectory(prefix="alga-projects-") as folder:
            while not self._stopping.is_set():
                self._forks = await Forks.start(Path(folder))
                self._available.set()
                ready()
                try:
                    await self._either(self._stopping, self._forks.gone)
                finally:
                    self._available.clear()
                    await self._forks.close()
                if not self._stopping.is_set():
                    log.warning(
                        "The program that forks projects' processes has ended; it is started anew.",
                        action="forkserver.ended",
                        pid=self._forks.pid,
                    )
                    await asyncio.sleep(_SECONDS_TO_RESTART)

    async def stop(self) -> None:
        """End the forkserver, and every process that is left."""
        self._stopping.set()

    def walls(self) -> tuple[Wall, ...]:
        """What stands around processes on this machine."""
        return in_force(first_uid=self._first_uid)

    @property
    def forkserver_pid(self) -> int | None:
        """The process that forks, while there is one."""
        return self._forks.pid if self._forks is not None and self._available.is_set() else None

    async def start(
        self,
        order: WorkOrder,
        *,
        broker: Broker,
        on_stats: Callable[[Stats], None],
        on_line: Callable[[str, str], None],
        deadline: float | None = None,
    ) -> Child:
        """A process that does `order`; it is not ready yet.

        `on_line(stream, text)` gets what it writes to stdout and stderr; neither callback may
        wait. `deadline`: as `Child.renew`. UnavailableError when there is no process to be had.
        """
        return await self._begin(
            order,
            broker=broker,
            listening=Listening(on_stats=on_stats, on_line=on_line),
            deadline=deadline,
            graceful_seconds=order.graceful_seconds,
        )

    async def _try(self, order: Trial, seconds: float) -> Outcome:
        async with self._trials:
            child = await self._begin(
                order,
                broker=NoBroker(),
                listening=Listening(on_stats=_ignore, on_line=_ignore),
                deadline=time.monotonic() + seconds + 1,
                graceful_seconds=0,
            )
            try:
                return await child.outcome(seconds)
            finally:
                child.kill()
                await child.ended()

    async def _begin(
        self,
        order: Order,
        *,
        broker: Broker,
        listening: Listening,
        deadline: float | None,
        graceful_seconds: float,
    ) -> Child:
        forks = await self._running()
        uid = self._free_user()
        try:
            first = line(Start(order=order, uid=uid))
        except ValueError as error:
            raise TooLargeError(f"The order of a process is too large: {error}.") from error
        ends, theirs = await _make_ends(listening)
        try:
            if deadline is not None:
                ends.deadline.set(deadline)
            forked = await forks.fork(theirs)
        except BaseException:
            _close_ends(ends)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        ends.writer.write(first)
        child = Child(
            forks,
            forked,
            ends,
            broker=broker,
            listening=listening,
            memory=forks.memory() + _SDK_MEMORY + order.bounds.memory_mb * _MEGABYTE,
            graceful_seconds=graceful_seconds,
            silence=self._silence,
        )
        if uid is not None:
            self._users.add(uid)
            following = asyncio.create_task(self._free_when_ended(child, uid))
            self._following.add(following)
            following.add_done_callback(self._following.discard)
        return child

    async def _running(self) -> Forks:
        try:
            async with asyncio.timeout(_FORKSERVER_WAIT):
                await self._available.wait()
        except TimeoutError:
            pass
        if self._forks is None or not self._available.is_set():
            raise UnavailableError(
                "The program that forks projects' processes",
                self.name,
                "it does not run",
                remedy="See why in the log of this service.",
            )
        return self._forks

    def _free_user(self) -> int | None:
        if self._first_uid is None or not self._gives_users:
            return None
        among = range(self._first_uid, self._first_uid + _USERS)
        return next(uid for uid in among if uid not in self._users)

    async def _free_when_ended(self, child: Child, uid: int) -> None:
        await child.ended()
        self._users.discard(uid)

    async def _either(self, *events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _make_ends(listening: Listening) -> tuple[Ends, tuple[int, ...]]:
    """Our ends, and the descriptors of the other ones: control, stdout, stderr, deadline."""
    ours, theirs = socket.socketpair()
    out, out_theirs = os.pipe()
    error, error_theirs = os.pipe()
    ends = await open_ends(ours.detach(), ((out, "stdout"), (error, "stderr")), listening)
    return ends, (theirs.detach(), out_theirs, error_theirs, ends.deadline.reader_fd)


def _close_ends(ends: Ends) -> None:
    ends.writer.close()
    ends.deadline.close()
    for pipe in ends.pipes:
        pipe.close()


def _ignore(*_arguments: object) -> None:
    """For processes whose output and statistics nobody wants."""
