"""Server processes that live no longer than ours, and the ones an earlier process left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack import keeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user and group that a server runs as."""

    user: int
    group: int


class ServerProcess:
    """A running server whose output goes to a log file.

    It has its own session, so that Ctrl-C in the terminal does not reach it, and it ends when this
    process ends, even by SIGKILL.
    """

    def __init__(
        self, name: str, log_file: Path, keeper_process: subprocess.Popen[bytes], grace: float
    ) -> None:
        self.pid = 0
        self._name = name
        self._log_file = log_file
        self._keeper = keeper_process
        self._grace = grace

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        environ: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 5.0,
        account: Account | None = None,
    ) -> ServerProcess:
        """Start `command`; AlgaError with the end of its log if it cannot be started.

        `name` is for messages. The log of the previous start is kept as `<log_file>.1`. At the stop
        the server gets `stop_signal` and, `grace` seconds later, SIGKILL.
        """
        keeper_process = _spawn_keeper(command, log_file, environ, stop_signal, grace, account)
        process = cls(name, log_file, keeper_process, grace)
        try:
            process.pid = await asyncio.to_thread(process._read_pid)
        except BaseException:
            await process.stop()
            raise
        return process

    def _read_pid(self) -> int:
        line = self._keeper.stdout.readline() if self._keeper.stdout else b""
        if not line:
            raise self.failure("could not be started")
        return int(line)

    @property
    def is_running(self) -> bool:
        """Whether the server has not ended yet."""
        return self._keeper.poll() is None

    async def stop(self) -> None:
        """End the server and wait for its end. Does nothing the second time."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        try:
            await asyncio.to_thread(self._keeper.wait, self._grace + 10)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            await asyncio.to_thread(self._keeper.wait)
        if self._keeper.stdout is not None:
            self._keeper.stdout.close()

    def failure(self, what: str) -> AlgaError:
        """An error which says that the server `what`, with the last lines of its log."""
        lines = self._log_file.read_text(errors="replace").splitlines()[-15:]
        said = "".join(f"\n  {line}" for line in lines) or "\n  (nothing)"
        return AlgaError(
            f"{self._name} {what}. The end of its log, {self._log_file}:{said}",
            remedy="\nRemove the cause that it names and start again.",
            details={"log": str(self._log_file)},
        )


def kept(
    command: Sequence[str],
    *,
    stop_signal: signal.Signals,
    grace: float,
    account: Account | None,
) -> list[str]:
    """`command` run by a keeper, which ends it when the keeper's standard input ends.

    The keeper writes the process id to standard output, and `command` writes to standard error.
    """
    runs_as = "-" if account is None else f"{account.user}:{account.group}"
    own = [sys.executable, "-I", "-S", keeper.__file__, str(int(stop_signal)), str(grace), runs_as]
    return [*own, *command]


def _spawn_keeper(
    command: Sequence[str],
    log_file: Path,
    environ: Mapping[str, str],
    stop_signal: signal.Signals,
    grace: float,
    account: Account | None,
) -> subprocess.Popen[bytes]:
    if log_file.exists():
        log_file.replace(log_file.with_name(log_file.name + ".1"))
    with log_file.open("wb") as log:
        return subprocess.Popen(
            kept(command, stop_signal=stop_signal, grace=grace, account=account),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=dict(environ),
        )


async def end_orphan(pid: int, marker: str, stop_signal: signal.Signals, grace: float) -> bool:
    """End process `pid` if its command line contains `marker`; whether there was one to end.

    It gets `stop_signal` and, `grace` seconds later, SIGKILL. A process id that was given to
    another program in the meantime is recognised by its command line and left alone.
    """
    if marker not in command_line_of(pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
        deadline = time.monotonic() + grace
        while marker in command_line_of(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
    return True


def command_line_of(pid: int) -> str:
    """The command line of a process; empty if there is none, or if it has ended."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            text = (proc / str(pid) / "cmdline").read_bytes()
        except OSError:
            return ""
        return text.replace(b"\0", b" ").decode(errors="replace")
    found = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout
