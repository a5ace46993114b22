"""Servers and settings for the processes of these tests."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.unit_of_work import Storage
from tests.services.command import eventually
from tests.services.gate import Gate
from tests.services.processes import mentioning
from tests.services.servers import Servers

SETTINGS = {
    "PORT": "0",
    "WORKFLOW_HTTP_ALLOW": "127.0.0.0/8",
    "WORKFLOW_START_TIMEOUT": "20",
}


@pytest.fixture
def environ(
    database_url: str, temporal_server: TemporalServer, temporal_client: Client
) -> dict[str, str]:
    """Settings of a worker on a database and a namespace of this test's own."""
    return {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal_client.namespace,
        **SETTINGS,
    }


@pytest_asyncio.fixture
async def key(storage: Storage) -> str:
    """An author's key in the test's database."""
    return await _make_key(storage)


@pytest_asyncio.fixture
async def folder() -> AsyncGenerator[Path]:
    """A folder with a short name which the user that runs PostgreSQL can reach."""
    with tempfile.TemporaryDirectory(prefix="alga-test-") as name:
        yield Path(name)

        async def unused() -> bool:
            return not mentioning(name)

        # The servers of a process that was killed end by themselves, a moment later.
        await eventually(unused, f"nobody works in {name}")


@pytest_asyncio.fixture
async def gate() -> AsyncGenerator[Gate]:
    """A local service that answers when the test lets it."""
    async with Gate().served() as served:
        yield served


@pytest_asyncio.fixture(scope="session")
async def stoppable_servers() -> AsyncGenerator[Servers]:
    """Servers that tests may stop: not those of the other tests."""
    with tempfile.TemporaryDirectory(prefix="alga-test-") as name:
        made = Servers(Path(name))
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


@pytest_asyncio.fixture
async def servers(stoppable_servers: Servers) -> Servers:
    """The same, running, whatever the test before has done to them."""
    await stoppable_servers.start()
    return stoppable_servers


@pytest_asyncio.fixture
async def servers_key(servers: Servers) -> str:
    """An author's key in the database of `servers`."""
    database = Database(load(DatabaseSettings, {"DATABASE_URL": servers.database_url}))
    try:
        return await _make_key(Storage(database))
    finally:
        await database.close()


@pytest.fixture
def servers_environ(servers: Servers) -> dict[str, str]:
    """Settings of a worker on `servers`."""
    return {
        "DATABASE_URL": servers.database_url,
        "TEMPORAL_ADDRESS": servers.temporal_address,
        **SETTINGS,
    }


async def _make_key(storage: Storage) -> str:
    made = generate_key()
    async with storage.unit_of_work("acme") as work:
        await work.api_keys.add(
            uuid4(), name="test", role=Role.AUTHOR.label, key_hash=hash_key(made)
        )
    return made
