"""Processes that do nothing but live, as they are told to: small, real, and leaving a trace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alga_temporal_domain.projects.calling import Broker
from alga_temporal_domain.projects.process.children import EndedError
from alga_temporal_domain.projects.process.endings import Ending, EndingKind
from alga_temporal_domain.projects.process.frames import Ready
from alga_temporal_domain.projects.process.order import WorkOrder
from alga_temporal_domain.projects.process.statistics import Stats

# Told over its standard input until when it may live; says in a file that it still does.
PROGRAM = """
import os, select, sys, time
trace, behaviour = sys.argv[1:]
if behaviour == "crash":
    os._exit(1)
if behaviour == "bad":
    os._exit(65)
out = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
deadline, is_ready, said = None, False, b""
while True:
    now = time.monotonic()
    if deadline is not None:
        if now >= deadline:
            os._exit(75)
        os.write(out, f"{now}\\n".encode())
        if not is_ready and behaviour != "slow":
            os.write(1, b"ready\\n")
            is_ready = True
    wait = 0.02 if deadline is None else max(0.0, min(0.02, deadline - now))
    if select.select([0], [], [], wait)[0]:
        data = os.read(0, 65536)
        if not data:
            os._exit(75)
        *lines, said = (said + data).split(b"\\n")
        for line in lines:
            if line == b"stop":
                os._exit(0)
            deadline = float(line)
"""

_KINDS = {0: EndingKind.WANTED, 65: EndingKind.BAD_BUNDLE, 75: EndingKind.FENCED}


class Sleeper:
    """One such process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process
        self._stopped = False
        assert process.stdin is not None
        self._stdin = process.stdin
        self._ready = asyncio.create_task(self._is_ready())

    async def ready(self, timeout: float) -> Ready:  # noqa: ASYNC109 - part of the contract
        """When it has said so."""
        async with asyncio.timeout(timeout):
            if not await asyncio.shield(self._ready):
                raise EndedError(await self.ended())
        return Ready(load_ms=0, connect_ms=0, worker_ms=0, seen=True, walls=())

    def renew(self, deadline: float) -> None:
        """By a line."""
        self._say(f"{deadline}\n")

    def stop(self) -> None:
        """By a line."""
        self._stopped = True
        self._say("stop\n")

    def kill(self) -> None:
        """By a signal, unless it has ended by itself."""
        if self._process.returncode is not None:
            return
        self._stopped = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> Ending:
        """How it ended."""
        status = await self._process.wait()
        await asyncio.shield(self._ready)
        self._stdin.close()
        kind = EndingKind.WANTED if self._stopped else _KINDS.get(status, EndingKind.CRASHED)
        return Ending(kind=kind, reason=f"status {status}")

    async def _is_ready(self) -> bool:
        assert self._process.stdout is not None
        return bool(await self._process.stdout.readline())

    def _say(self, line: str) -> None:
        if self._process.returncode is None:
            self._stdin.write(line.encode())


@dataclass(frozen=True, slots=True)
class Sleepers:
    """Starts them. The text of a bundle is the behaviour: `crash`, `bad`, `slow` (never
    ready) or anything else."""

    folder: Path

    async def start(
        self,
        order: WorkOrder,
        *,
        broker: Broker,  # noqa: ARG002 - it asks for nothing
        on_stats: Callable[[Stats], None],  # noqa: ARG002 - it does nothing
        on_line: Callable[[str, str], None],
        deadline: float | None = None,
    ) -> Sleeper:
        """As a launcher of projects' processes."""
        on_line("stdout", "begun")
        text = next(iter(order.bundle.files.values()))
        name = f"{order.project_id}.{order.bundle_hash}.{order.slot}.{order.epoch}"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-S",
            "-E",
            "-c",
            PROGRAM,
            str(self.folder / f"{name}.{os.getpid()}.{id(order)}"),
            text,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        sleeper = Sleeper(process)
        if deadline is not None:
            sleeper.renew(deadline)
        return sleeper


def end(pid: int) -> None:
    """SIGKILL, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
