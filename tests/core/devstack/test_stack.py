from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client

from alga_workflows_core.errors import AlgaError, ConflictError, SettingsError
from alga_workflows_core.infra.devstack.stack import DevStack, StackInfo, find_running

HOLDER = """
import asyncio, sys
from pathlib import Path
from alga_workflows_core.infra.devstack.stack import DevStack

async def main():
    await DevStack.start(Path(sys.argv[1]), report=print)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: as root the server runs as another user, and pytest closes its folders to it.
    with tempfile.TemporaryDirectory(prefix="alga-test-") as name:
        yield Path(name) / "dev"


def _environ(**more: str) -> dict[str, str]:
    """Ours, without servers that it may name."""
    theirs = ("DATABASE_URL", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")
    return {name: value for name, value in os.environ.items() if name not in theirs} | more


@contextlib.asynccontextmanager
async def _stack(folder: Path, **more: str) -> AsyncGenerator[DevStack]:
    stack = await DevStack.start(folder, report=print, environ=_environ(**more), durable=False)
    async with stack:
        yield stack


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def _write(info: StackInfo) -> None:
    async with await psycopg.AsyncConnection.connect(info.database_url) as connection:
        await connection.execute("CREATE TABLE kept (value int)")
        await connection.execute("INSERT INTO kept VALUES (42)")
    client = await Client.connect(info.temporal_address)
    await client.start_workflow("none", id="kept", task_queue="none")


async def _read(info: StackInfo) -> tuple[object, str]:
    async with await psycopg.AsyncConnection.connect(info.database_url) as connection:
        row = await (await connection.execute("SELECT value FROM kept")).fetchone()
    client = await Client.connect(info.temporal_address)
    described = await client.get_workflow_handle("kept").describe()
    return row and row[0], described.id


def _is_open(info: StackInfo) -> bool:
    host, port = info.temporal_address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


async def test_start_stop_and_start_again(folder: Path) -> None:
    """While a stack runs another start is refused, which changes nothing; a stop leaves only data
    and logs; the next start finds what was written.
    """
    async with _stack(folder) as stack:
        await _write(stack.info)
        with pytest.raises(ConflictError) as raised:
            await DevStack.start(folder, report=print, environ=_environ())
        message = str(raised.value)
        assert f"process {os.getpid()}" in message
        assert stack.info.temporal_address in message
        assert find_running(folder) == stack.info
        assert await _read(stack.info) == (42, "kept")
    assert find_running(folder) is None
    assert not _is_open(stack.info)
    assert not (folder / "postgres/postmaster.pid").exists()
    assert _names(folder) == {"postgres", "postgres.log", "temporal.db", "temporal.log"}
    async with _stack(folder) as again:
        assert await _read(again.info) == (42, "kept")


async def test_servers_of_somebody_else_are_used(folder: Path) -> None:
    """With DATABASE_URL and TEMPORAL_ADDRESS nothing is started; the password stays out of
    messages, and its file is readable by the user alone.
    """
    url = "postgresql://me:secret@db.example/one"
    servers = {"DATABASE_URL": url, "TEMPORAL_ADDRESS": "temporal.example:7233"}
    async with _stack(folder, **servers) as stack:
        assert stack.info.database_url == url
        assert stack.info.temporal_address == "temporal.example:7233"
        assert _names(folder) == {"lock", "stack.json"}
        assert (folder / "stack.json").stat().st_mode & 0o077 == 0
        with pytest.raises(ConflictError, match=r"db\.example/one") as raised:
            await DevStack.start(folder, report=print, environ=_environ(**servers))
        assert "secret" not in str(raised.value)
    assert _names(folder) == set()


async def test_a_failed_start_leaves_nothing(folder: Path) -> None:
    """When one server cannot start the other is stopped and the lock is free."""
    (folder / "temporal.db").mkdir(parents=True)
    with pytest.raises(AlgaError, match="The Temporal development server ended at its start"):
        async with _stack(folder):
            pass
    assert not (folder / "postgres/postmaster.pid").exists()
    assert not (folder / "lock").exists()
    (folder / "temporal.db").rmdir()
    async with _stack(folder) as stack:
        assert find_running(folder) == stack.info


async def test_a_killed_process_leaves_no_server(folder: Path) -> None:
    """After SIGKILL of the process that holds a stack both servers end by themselves, and the next
    start finds what was written.
    """
    async with _held_elsewhere(folder) as info:
        await _write(info)
    assert find_running(folder) is None
    deadline = time.monotonic() + 20
    while _is_open(info) or (folder / "postgres/postmaster.pid").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    async with _stack(folder) as stack:
        assert await _read(stack.info) == (42, "kept")


async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A folder below a file is refused with what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="WORKFLOW_DEV_DIR"):
        await DevStack.start(tmp_path / "file" / "dev", report=print, environ=_environ())


@contextlib.asynccontextmanager
async def _held_elsewhere(folder: Path) -> AsyncGenerator[StackInfo]:
    """A stack of another process, which is killed at the end of the block."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(folder), env=_environ()
    )
    try:
        deadline = time.monotonic() + 30
        while (info := find_running(folder)) is None:
            assert holder.returncode is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        yield info
    finally:
        holder.kill()
        await holder.wait()
