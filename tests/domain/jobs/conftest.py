"""One family of jobs for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.domain.jobs.handlers import Stage
from tests.domain.jobs.world import JobWorld, job_world


@pytest_asyncio.fixture(scope="module")
async def job_environ(
    databases: TestDatabases,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[dict[str, str]]:
    """Settings for a database with the domain's schema and a namespace, both new."""
    settings = TemporalSettings(address=temporal_server.address)
    admin = await connect(settings, runtime=temporal_telemetry.runtime, timeout=60.0)
    async with databases.clone() as url:
        database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
        try:
            await SCHEMA.migrate(database)
        finally:
            await database.close()
        yield {
            "DATABASE_URL": url,
            "TEMPORAL_ADDRESS": temporal_server.address,
            "TEMPORAL_NAMESPACE": await create_namespace(admin),
        }


@pytest_asyncio.fixture(scope="module")
async def job_storage(job_environ: dict[str, str]) -> AsyncGenerator[DomainStorage]:
    """The module's rows."""
    database = Database(load(DatabaseSettings, job_environ))
    yield DomainStorage(database)
    await database.close()


@pytest_asyncio.fixture(scope="module")
async def job_client(job_environ: dict[str, str], temporal_telemetry: TemporalTelemetry) -> Client:
    """A client in the module's namespace."""
    settings = load(TemporalSettings, job_environ)
    return await connect(settings, runtime=temporal_telemetry.runtime, timeout=60.0)


@pytest_asyncio.fixture(scope="module")
async def replica_client(
    job_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> Client:
    """The same for a second process."""
    settings = load(TemporalSettings, job_environ)
    return await connect(settings, runtime=temporal_telemetry.runtime, timeout=60.0)


@pytest_asyncio.fixture(scope="module")
async def stage() -> Stage:
    """What the module's handlers act on."""
    return Stage()


@pytest_asyncio.fixture(scope="module")
async def world(
    job_client: Client, job_storage: DomainStorage, stage: Stage
) -> AsyncGenerator[JobWorld]:
    """A worker with its services."""
    async with job_world(job_client, job_storage, stage.jobs()) as made:
        yield made
