"""One running service for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio

from alga_temporal_domain.storage.schema import SCHEMA
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.domain.service.running import PAYLOAD_KEYS, RunningService, running_service


@pytest_asyncio.fixture(scope="module")
async def service_environ(
    databases: TestDatabases,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[dict[str, str]]:
    """Settings for a database with the domain's schema and a namespace, both new."""
    admin = await connect(
        TemporalSettings(address=temporal_server.address),
        runtime=temporal_telemetry.runtime,
        timeout=60.0,
    )
    async with databases.clone() as url:
        database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
        try:
            await SCHEMA.migrate(database)
        finally:
            await database.close()
        yield {
            "DATABASE_URL": url,
            "TEMPORAL_ADDRESS": temporal_server.address,
            "TEMPORAL_PAYLOAD_KEYS": PAYLOAD_KEYS,
            "TEMPORAL_NAMESPACE": await create_namespace(admin),
        }


@pytest_asyncio.fixture(scope="module")
async def service(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[RunningService]:
    """A service on these."""
    async with running_service(service_environ, temporal_telemetry) as running:
        yield running
