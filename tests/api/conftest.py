"""The whole service in this process: real PostgreSQL, real Temporal, real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import httpx
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.api.reconciled import MakeWorld, World, world
from tests.api.service import Service, serving


@pytest_asyncio.fixture
async def service_url(
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[str]:
    """The URL of a running workflow-worker; without a key this machine is tenant `default`."""
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )
    async with serving(
        database_url, temporal, temporal_telemetry, open_tenant="default"
    ) as service_url:
        yield service_url


@pytest_asyncio.fixture
async def api(service_url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of `/api/v1`, without a key."""
    async with httpx.AsyncClient(base_url=f"{service_url}/api/v1", timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def service(
    databases: TestDatabases,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[Service]:
    """One service for all tests of a module; each uses definitions of its own."""
    admin = await connect(
        TemporalSettings(address=temporal_server.address), runtime=temporal_telemetry.runtime
    )
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=await create_namespace(admin)
    )
    async with databases.clone() as database_url:
        database = Database(load(DatabaseSettings, {"DATABASE_URL": database_url}))
        try:
            async with (
                serving(database_url, temporal, temporal_telemetry, open_tenant="default") as url,
                serving(database_url, temporal, temporal_telemetry, open_tenant=None) as locked,
                httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as client,
            ):
                yield Service(url=url, locked_url=locked, api=client, storage=Storage(database))
        finally:
            await database.close()


@pytest_asyncio.fixture
async def silent_url() -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """A server that accepts a request and never answers, and whether it was asked."""
    asked = asyncio.Event()
    ending = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await ending.wait()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked
    finally:
        ending.set()
        server.close()
        await server.wait_closed()


@pytest_asyncio.fixture
async def make(
    database_url: str,
    storage: Storage,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[MakeWorld]:
    """Starts services with settings of the reconciler, all on the same rows and namespace."""
    async with AsyncExitStack() as stack:

        async def start(**variables: str) -> World:
            running: AbstractAsyncContextManager[World] = world(
                database_url,
                storage,
                temporal_client,
                temporal_server.address,
                temporal_telemetry,
                **variables,
            )
            return await stack.enter_async_context(running)

        yield start
