"""One supervisor and one neighbour for all attacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest_asyncio

from alga_temporal_domain.projects.bundles import Limits
from alga_temporal_domain.projects.calling import NoBroker
from alga_temporal_domain.projects.code_judge import CodeJudge
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.process.order import TemporalTarget
from alga_temporal_domain.projects.publishing import Publishing
from alga_temporal_domain.projects.supervision.restarts import Restarts
from alga_temporal_domain.projects.supervision.services import supervision
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.supervisor import Backoff, Supervisor
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.domain.containment.world import Neighbour, World, good
from tests.domain.process.conftest import launched
from tests.domain.supervision.world import project

SETTINGS = SupervisionSettings(
    ttl=10.0, tick=0.5, margin=1.0, sweep=0.5, statistics=0.5, start_timeout=4.0
)
RESTARTS = Restarts(backoff=Backoff(first=0.05, longest=0.1, reset_after=60.0), most=2)
SILENCE = 7


@pytest_asyncio.fixture(scope="module")
async def world(
    databases: TestDatabases, temporal_server: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[World]:
    """At work, on a database and a namespace of its own."""
    runtime = temporal_telemetry.runtime
    admin = await connect(TemporalSettings(address=temporal_server.address), runtime=runtime)
    namespace = await create_namespace(admin)
    settings = TemporalSettings(address=temporal_server.address, namespace=namespace)
    client = await connect(settings, runtime=runtime)
    async with databases.clone() as url, launched(Launcher(silence=SILENCE)) as launcher:
        database_settings = load(DatabaseSettings, {"DATABASE_URL": url})
        database = Database(database_settings)
        await SCHEMA.migrate(database)
        storage = DomainStorage(database)
        hints = Hints(database, database_settings)
        made = supervision(
            storage=storage,
            settings=SETTINGS,
            launcher=launcher,
            client=client,
            temporal=TemporalTarget(address=temporal_server.address, namespace=namespace),
            broker_of=lambda _tenant, _project: NoBroker(),
            hints=hints,
            restarts=RESTARTS,
        )
        judge = CodeJudge(launcher)
        stop = asyncio.Event()
        services = Supervisor([hints, *made.services], stop_timeout=20)
        running = asyncio.create_task(services.run(stop))
        try:
            yield World(
                storage=storage,
                client=client,
                launcher=launcher,
                publishing=Publishing(storage=storage, reads=judge, judges=judge, limits=Limits()),
                database_url=url,
            )
        finally:
            stop.set()
            await running
            await database.close()


@pytest_asyncio.fixture(scope="module")
async def neighbour(world: World) -> Neighbour:
    """A project that is ready and does no harm."""
    made = Neighbour(await project(world.storage, good("mine")))
    await world.ready(made.id)
    return made
