from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.settings import parse_database_url


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: as root the server runs as another user, and pytest closes its folders to it.
    with tempfile.TemporaryDirectory(prefix="alga-test-") as name:
        yield Path(name)


async def _value(
    server: PostgresServer, query: LiteralString, database: str = "postgres"
) -> object:
    async with await psycopg.AsyncConnection.connect(server.url(database)) as connection:
        row = await (await connection.execute(query)).fetchone()
    return None if row is None else row[0]


async def test_a_path_that_no_socket_can_have(folder: Path) -> None:
    """Long folder names with blanks, commas and quotes work, for psycopg and for SQLAlchemy."""
    data = folder / "it's, a folder" / ("x" * 120) / "postgres"
    server = await PostgresServer.start(data, log_file=folder / "log", durable=False)
    try:
        await server.create_database("mine")
        await server.create_database("mine")
        assert await _value(server, "SELECT current_database()", "mine") == "mine"
        engine = create_async_engine(parse_database_url(server.url("mine")))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT current_database()")) == "mine"
        await engine.dispose()
        # Text is UTF-8 whatever the locale of the machine is.
        assert await _value(server, "SELECT upper('é')") == "É"
    finally:
        await server.stop()


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
async def test_durability_is_a_choice(folder: Path, durable: bool, expected: str) -> None:
    """By default a commit is on disk when it returns; tests may give that up for speed."""
    data = folder / "postgres"
    async with _Running(data, folder / "log", durable) as server:
        for setting in ("SHOW fsync", "SHOW synchronous_commit", "SHOW full_page_writes"):
            assert await _value(server, setting) == expected


async def test_a_stale_pid_file_is_not_believed(folder: Path) -> None:
    """After a crash of the machine the process id in the data folder may be anybody's: that
    process is left alone, and the server starts.
    """
    data = folder / "postgres"
    async with _Running(data, folder / "log"):
        written = (data / "postmaster.pid").read_text().split("\n", 1)[1]
    # PostgreSQL itself believes in a process of its own user.
    owner = data.stat().st_uid if os.geteuid() == 0 else None
    other = await asyncio.create_subprocess_exec("/bin/sleep", "60", user=owner)
    try:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{written}")
        async with _Running(data, folder / "log") as server:
            assert await _value(server, "SELECT 1") == 1
        assert other.returncode is None
    finally:
        other.kill()
        await other.wait()


async def test_half_a_data_folder_is_never_left(folder: Path) -> None:
    """The data folder appears whole: what an interrupted first start left is removed."""
    left = folder / "postgres.new-left"
    left.mkdir()
    (left / "PG_VERSION").write_text("18")
    async with _Running(folder / "postgres", folder / "log") as server:
        assert await _value(server, "SELECT 1") == 1
    assert not left.exists()


class _Running:
    """A server for the length of a block."""

    def __init__(self, data: Path, log_file: Path, durable: bool = False) -> None:
        self._data = data
        self._log_file = log_file
        self._durable = durable

    async def __aenter__(self) -> PostgresServer:
        self._server = await PostgresServer.start(
            self._data, log_file=self._log_file, durable=self._durable
        )
        return self._server

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()
