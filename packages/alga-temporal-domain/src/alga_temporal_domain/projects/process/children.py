"""A project's process as its supervisor has it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from pydantic import ValidationError

from alga_temporal_domain.projects.calling import Broker
from alga_temporal_domain.projects.process.answering import Answers
from alga_temporal_domain.projects.process.deadline import DeadlineWriter
from alga_temporal_domain.projects.process.endings import Ending, EndingKind, Seen, ending_of
from alga_temporal_domain.projects.process.forks import Forked, Forks, resident
from alga_temporal_domain.projects.process.frames import (
    LONGEST_LINE,
    TO_SUPERVISOR,
    Call,
    CancelCall,
    Checked,
    Failed,
    Named,
    Ready,
    Replayed,
    Stop,
    Told,
    line,
)
from alga_temporal_domain.projects.process.pace import Pace
from alga_temporal_domain.projects.process.pipes import LogPipe
from alga_temporal_domain.projects.process.statistics import Stats
from alga_workflows_core.errors import AlgaError

log = structlog.get_logger()

Outcome: TypeAlias = Checked | Named | Replayed

_MARGIN = 2.0
_DRAIN = 1.0
_WATCH_EVERY = 1.0
_LAST_WORDS = 500


class EndedError(AlgaError):
    """The process ended before it was ready; `ending` tells how."""

    code = "PROCESS_ENDED"

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"The project's process has ended: {ending.reason}.")
        self.ending = ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Who hears of what a process does. Called in the loop; must not wait."""

    on_stats: Callable[[Stats], None]
    on_line: Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The supervisor's ends of what it shares with a process."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pipes: tuple[LogPipe, ...]
    deadline: DeadlineWriter


class Child:
    """One process. It is watched until it has ended: silence, memory, what it writes."""

    def __init__(
        self,
        forks: Forks,
        forked: Forked,
        ends: Ends,
        *,
        broker: Broker,
        listening: Listening,
        memory: int,
        graceful_seconds: float,
        silence: int,
    ) -> None:
        self._forks = forks
        self._forked = forked
        self._ends = ends
        self._listening = listening
        self._memory = memory
        self._graceful = graceful_seconds
        self._longest_silence = silence
        self._answers = Answers(broker, self._send)
        self._pace = Pace()
        self._silent = 0
        self._stop_wanted = False
        self._kill_timer: asyncio.TimerHandle | None = None
        self._decided: tuple[EndingKind, str] | None = None
        self._failed: Failed | None = None
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[Ready] = loop.create_future()
        self._outcome: asyncio.Future[Outcome] = loop.create_future()
        self._ending: asyncio.Future[Ending] = loop.create_future()
        self._listener = asyncio.create_task(self._listen(), name=f"listen to {self.pid}")
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.pid}")
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.pid}")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._forked.pid

    async def ready(self, timeout: float) -> Ready:  # noqa: ASYNC109 - part of the contract
        """Return when its worker polls and Temporal has named it as a poller.

        `Ready.seen` is false when Temporal did not name it within two seconds although the worker
        polls. EndedError when it has ended instead, TimeoutError after `timeout` seconds.
        """
        await self._first(self._ready, timeout)
        return self._ready.result()

    async def outcome(self, timeout: float) -> Outcome:  # noqa: ASYNC109
        """What a trial has found; EndedError and TimeoutError as `ready`."""
        await self._first(self._outcome, timeout)
        return self._outcome.result()

    def renew(self, deadline: float) -> None:
        """It may live until `deadline`, seconds of `time.monotonic()`; then the kernel ends it."""
        if not self._ending.done():
            self._ends.deadline.set(deadline)

    def stop(self) -> None:
        """Have it finish what runs and end; kill it if that takes longer than it may."""
        if self._stop_wanted or self._ending.done():
            return
        self._stop_wanted = True
        with contextlib.suppress(OSError):
            self._ends.writer.write(line(Stop()))
        self._kill_timer = asyncio.get_running_loop().call_later(
            self._graceful + _MARGIN,
            lambda: self._decide(EndingKind.WANTED, "it did not stop in time and was killed"),
        )

    def kill(self) -> None:
        """End it now."""
        self._decide(EndingKind.WANTED, "killed")

    async def ended(self) -> Ending:
        """Wait for its end and tell what it was."""
        return await asyncio.shield(self._ending)

    async def _first(self, wanted: asyncio.Future[Any], seconds: float) -> None:
        futures: set[asyncio.Future[Any]] = {wanted, self._ending}
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done() and not wanted.cancelled():
            return
        if self._ending.done():
            raise EndedError(self._ending.result())
        raise TimeoutError

    def _decide(self, kind: EndingKind, reason: str) -> None:
        if self._decided is None and not self._ending.done():
            self._decided = (kind, reason)
            self._forks.kill(self._forked.id)

    async def _listen(self) -> None:
        try:
            while data := await self._ends.reader.readline():
                self._silent = 0
                self._take(data)
                await self._pace.take(len(data))
        except (ValidationError, ValueError, RecursionError):
            self._decide(EndingKind.CRASHED, "it said what no process of ours says")
        except OSError:
            return

    def _take(self, data: bytes) -> None:
        frame = TO_SUPERVISOR.validate_json(data)
        if isinstance(frame, Told):
            self._tell_stats(frame.stats)
        elif isinstance(frame, Call):
            self._answers.begin(frame)
        elif isinstance(frame, CancelCall):
            self._answers.cancel(frame.id)
        elif isinstance(frame, Failed):
            self._failed = frame
        elif isinstance(frame, Ready):
            if not self._ready.done():
                self._ready.set_result(frame)
        elif not self._outcome.done():
            self._outcome.set_result(frame)

    def _tell_stats(self, stats: Stats) -> None:
        try:
            self._listening.on_stats(stats)
        except Exception:
            # The boundary: who listens must not end the conversation.
            log.exception(
                "Statistics of a process were not taken.", action="stats.failed", pid=self.pid
            )

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._ends.writer.write(data)
            await self._ends.writer.drain()

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_WATCH_EVERY)
            # Who was stopped itself has heard nothing, and cannot say whether there was silence.
            if time.monotonic() - began < 2 * _WATCH_EVERY:
                self._silent += 1
            if self._silent >= self._longest_silence:
                self._decide(EndingKind.HUNG, f"it said nothing for {self._silent} seconds")
            if (resident(self.pid) or 0) > self._memory:
                self._decide(
                    EndingKind.OUT_OF_MEMORY, "it took more memory than it may have and was killed"
                )
            for pipe in self._ends.pipes:
                pipe.tick()

    async def _keep(self) -> None:
        reaped = await asyncio.shield(self._forked.ended)
        # What it has said last is still in the socket and in the pipes.
        await asyncio.wait(
            {self._listener, *(pipe.ended for pipe in self._ends.pipes)}, timeout=_DRAIN
        )
        for task in (self._listener, self._watcher):
            task.cancel()
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        await self._answers.close()
        for pipe in self._ends.pipes:
            pipe.close()
        self._ends.writer.close()
        self._ends.deadline.close()
        self._ending.set_result(
            ending_of(
                Seen(
                    status=reaped.status,
                    fenced=reaped.fenced,
                    peak=reaped.peak,
                    memory=self._memory,
                    stop_wanted=self._stop_wanted,
                    decided=self._decided,
                    failed=self._failed,
                    last_words=self._ends.pipes[-1].last[:_LAST_WORDS],
                )
            )
        )
        for future in (self._ready, self._outcome):
            future.cancel()


async def open_ends(
    control_fd: int, pipes: tuple[tuple[int, str], ...], listening: Listening
) -> Ends:
    """The supervisor's ends, of descriptors that from now on belong to them."""
    reader, writer = await asyncio.open_unix_connection(
        sock=socket.socket(fileno=control_fd), limit=LONGEST_LINE
    )
    return Ends(
        reader=reader,
        writer=writer,
        pipes=tuple(
            LogPipe(fd, lambda text, name=name: listening.on_line(name, text)) for fd, name in pipes
        ),
        deadline=DeadlineWriter(),
    )
