"""The forkserver as its supervisor has it: one running program, its reports as futures."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alga_workflows_core.errors import AlgaError, UnavailableError

# Importing the forkserver here would load what only it needs.
_MODULE = "alga_temporal_domain.projects.process.forkserver"
_LONGEST_PACKET = 4096
_KEPT_VARIABLES = ("PATH", "LANG", "TZ")
_SECONDS_TO_START = 30.0
_SECONDS_TO_FORK = 10.0
_SECONDS_TO_END = 2.0
_RETRY = 0.01
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """How a process ended: its status as `wait(2)` has it, None when nobody saw it."""

    status: int | None
    fenced: bool = False
    peak: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A process that was forked; `ended` is its end."""

    id: int
    pid: int
    ended: asyncio.Future[Reaped]


class Forks:
    """A running forkserver. `gone` is set when it has ended, and with it all that it forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._last = 0
        self._forking: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[Reaped]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self.gone = asyncio.Event()
        self._loop.add_reader(control, self._receive)

    @classmethod
    async def start(cls, folder: Path) -> Forks:
        """Start it in the empty `folder`, without this process's environment.

        UnavailableError when it does not come up.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", _MODULE, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                cwd=folder,
                start_new_session=True,
            )
        forks = cls(process, ours)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                waits = [asyncio.create_task(e.wait()) for e in (forks._ready, forks.gone)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        except TimeoutError:
            pass
        if not forks._ready.is_set() or forks.gone.is_set():
            await forks.close()
            raise UnavailableError(
                "The program that forks projects' processes",
                _MODULE,
                "it did not start",
                remedy="See what it wrote to standard error.",
            )
        return forks

    @property
    def pid(self) -> int:
        return self._process.pid

    def memory(self) -> int:
        """Bytes that it has in memory, which each of its children begins with."""
        return resident(self.pid) or 0

    async def fork(self, descriptors: Sequence[int]) -> Forked:
        """A new process with these: control, stdout, stderr, deadline. The caller closes its own.

        UnavailableError when there is no process to be had.
        """
        self._last += 1
        number = self._last
        forking: asyncio.Future[int] = self._loop.create_future()
        ended: asyncio.Future[Reaped] = self._loop.create_future()
        self._forking[number], self._ended[number] = forking, ended
        try:
            async with asyncio.timeout(_SECONDS_TO_FORK):
                await self._send({"fork": number}, descriptors)
                pid = await forking
        except (TimeoutError, OSError, AlgaError) as error:
            self._ended.pop(number, None)
            self.kill(number)
            raise UnavailableError(
                "A process for a project",
                f"forkserver {self.pid}",
                str(error) or "no answer in time",
                remedy="See how many processes and how much memory the machine has left.",
            ) from error
        finally:
            self._forking.pop(number, None)
        return Forked(id=number, pid=pid, ended=ended)

    def kill(self, number: int) -> None:
        """Kill that process, if it is still there; by its parent, so that no other can be meant."""
        if self.gone.is_set():
            return
        task = self._loop.create_task(self._kill(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End it and all that it forked; return when they are gone."""
        self._lost()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_END):
                await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _kill(self, number: int) -> None:
        try:
            async with asyncio.timeout(_SECONDS_TO_FORK):
                await self._send({"kill": number}, ())
        except TimeoutError:
            # It hangs itself; its end is the end of all that it forked.
            with suppress(ProcessLookupError):
                self._process.kill()
        except OSError:
            self._lost()

    async def _send(self, request: dict[str, Any], descriptors: Sequence[int]) -> None:
        data = json.dumps(request).encode()
        while True:
            try:
                socket.send_fds(self._control, [data], descriptors)
            except BlockingIOError:
                await asyncio.sleep(_RETRY)
            else:
                return

    def _receive(self) -> None:
        while True:
            try:
                data = self._control.recv(_LONGEST_PACKET)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            self._take(json.loads(data))

    def _take(self, report: dict[str, Any]) -> None:
        if "ready" in report:
            self._ready.set()
            return
        number: int = report["id"]
        forking = self._forking.get(number)
        if "pid" in report and forking is not None and not forking.done():
            forking.set_result(report["pid"])
        elif "error" in report and forking is not None and not forking.done():
            forking.set_exception(AlgaError(report["error"]))
        elif "ended" in report:
            ended = self._ended.pop(number, None)
            if ended is not None and not ended.done():
                ended.set_result(
                    Reaped(status=report["ended"], fenced=report["fenced"], peak=report["peak"])
                )

    def _lost(self) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        self._loop.remove_reader(self._control)
        self._control.close()
        for forking in self._forking.values():
            if not forking.done():
                forking.set_exception(AlgaError("the forkserver has ended"))
        for ended in self._ended.values():
            if not ended.done():
                ended.set_result(Reaped(status=None))
        self._ended.clear()


def resident(pid: int) -> int | None:
    """Bytes that a process has in memory, shared pages included; None if it is not there."""
    try:
        # Not a file of a disk: reading it does not wait.
        text = Path(f"/proc/{pid}/statm").read_text("ascii")
        return int(text.split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None
