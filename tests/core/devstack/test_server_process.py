from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack.server_process import (
    ServerProcess,
    command_line_of,
    end_orphan,
)

STUBBORN = "trap '' TERM INT HUP; echo started; while :; do /bin/sleep 0.05; done"
HOLDER = """
import asyncio, sys
from pathlib import Path
from alga_workflows_core.infra.devstack.server_process import ServerProcess

async def main():
    folder = Path(sys.argv[1])
    server = await ServerProcess.start(
        "It", sys.argv[2:], log_file=folder / "log", environ={}, grace=0.2
    )
    (folder / "pid").write_text(str(server.pid))
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def _start(folder: Path, script: str, grace: float = 5.0) -> ServerProcess:
    return await ServerProcess.start(
        "The server", ["/bin/sh", "-c", script], log_file=folder / "log", environ={}, grace=grace
    )


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_it_ends_with_its_holder(tmp_path: Path) -> None:
    """After SIGKILL of the process that started it a server ends, even one that ignores signals."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), "/bin/sh", "-c", STUBBORN
    )
    try:
        await _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    finally:
        holder.kill()
        await holder.wait()
    pid = int((tmp_path / "pid").read_text())
    await _until(lambda: command_line_of(pid) == "")


async def test_stop_is_asked_first_and_then_forced(tmp_path: Path) -> None:
    """A stop sends the signal, and SIGKILL to a server that is still there after the grace; Ctrl-C
    in the terminal reaches neither of them.
    """
    polite = await _start(tmp_path, "trap 'echo bye; exit 0' TERM; echo up; while :; do :; done")
    await _until(lambda: "up" in (tmp_path / "log").read_text())
    assert os.getsid(polite.pid) != os.getsid(0)
    assert polite.is_running
    await polite.stop()
    assert not polite.is_running
    assert "bye" in (tmp_path / "log").read_text()
    stubborn = await _start(tmp_path, STUBBORN, grace=0.2)
    await _until(lambda: "started" in (tmp_path / "log").read_text())
    await stubborn.stop()
    assert command_line_of(stubborn.pid) == ""
    assert "bye" in (tmp_path / "log.1").read_text()


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """A command that cannot be started is an error that names it."""
    with pytest.raises(AlgaError, match=r"The server could not be started(?s:.*)/no/such/program"):
        await ServerProcess.start(
            "The server", ["/no/such/program"], log_file=tmp_path / "log", environ={}
        )


async def test_an_orphan_is_known_by_its_command_line(tmp_path: Path) -> None:
    """Only a process whose command line has the marker is ended: the id may be anybody's by now."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", STUBBORN, "marker-of-mine", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    assert not await end_orphan(process.pid, "marker-of-another", signal.SIGTERM, grace=0.2)
    assert process.returncode is None
    assert await end_orphan(process.pid, "marker-of-mine", signal.SIGTERM, grace=0.2)
    assert await process.wait() == -signal.SIGKILL
