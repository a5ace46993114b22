"""Pytest fixtures: real servers once per run, a database and a namespace of its own per test.

Use it with `pytest_plugins = ["alga_workflows_core.testing.plugin"]`; the event loop has to be the
session's (`asyncio_default_fixture_loop_scope = "session"`, and the same for tests).
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.metrics import TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace


@pytest.fixture(scope="session")
def server_folder() -> Generator[Path]:
    """Where the servers keep their data. Not pytest's own folder: pytest closes that one to other
    users, and PostgreSQL is another user when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="alga-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session")
async def postgres_server(server_folder: Path) -> AsyncGenerator[PostgresServer]:
    """One PostgreSQL for the whole run. Its commits do not survive a crash of the machine."""
    server = await PostgresServer.start(
        server_folder / "postgres",
        log_file=server_folder / "postgres.log",
        durable=False,
        settings=["max_connections=300"],
    )
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session")
async def databases(postgres_server: PostgresServer) -> TestDatabases:
    """Makes clones of a migrated template."""
    made = TestDatabases(postgres_server)
    await made.prepare()
    return made


@pytest_asyncio.fixture
async def database_url(databases: TestDatabases) -> AsyncGenerator[str]:
    """A migrated, empty database of this test's own."""
    async with databases.clone() as url:
        yield url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """A pool on the test's database."""
    opened = Database(load(DatabaseSettings, {"DATABASE_URL": database_url}))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def storage(database: Database) -> Storage:
    """Units of work on the test's database."""
    return Storage(database)


@pytest.fixture(scope="session")
def temporal_telemetry() -> TemporalTelemetry:
    """The SDK's runtime, of which a process has one."""
    return temporal_runtime()


@pytest_asyncio.fixture(scope="session")
async def temporal_server(server_folder: Path) -> AsyncGenerator[TemporalServer]:
    """One Temporal server for the whole run, in memory."""
    binary: Path = await temporal_cli.find(print)  # pytest shows it when the start fails
    server = await TemporalServer.start(
        binary, TemporalServerOptions(), log_file=server_folder / "temporal.log"
    )
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def temporal_client(
    temporal_server: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> Client:
    """A client in a namespace of this test's own."""
    runtime, patience = temporal_telemetry.runtime, 60.0  # the server serves all tests at once
    admin = await connect(
        TemporalSettings(address=temporal_server.address), runtime=runtime, timeout=patience
    )
    namespace = await create_namespace(admin)
    return await connect(
        TemporalSettings(address=temporal_server.address, namespace=namespace),
        runtime=runtime,
        timeout=patience,
    )
