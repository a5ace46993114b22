"""A supervisor on real Temporal, with processes that run projects' code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from alga_temporal_domain.projects.calling import NoBroker
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.process.order import TemporalTarget
from alga_temporal_domain.projects.supervision.services import Supervision, supervision
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings
from alga_workflows_core.infra.supervisor import Supervisor
from tests.domain.process.conftest import launched, namespace_of_projects
from tests.domain.supervision.supervising import QUICK

SETTINGS = SupervisionSettings(ttl=6.0, tick=0.5, margin=1.0, sweep=0.3, statistics=0.3)


@pytest_asyncio.fixture(scope="session")
async def processes() -> AsyncGenerator[Launcher]:
    """Starts the processes of all tests."""
    async with launched(Launcher()) as launcher:
        yield launcher


@pytest_asyncio.fixture(scope="session")
async def projects_client(
    temporal_server: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> Client:
    """A client in one namespace for all: in each new one Temporal takes seconds until it knows
    deployments."""
    return await namespace_of_projects(temporal_server, temporal_telemetry)


@dataclass(frozen=True, slots=True)
class Place:
    """A supervisor at work, and a client of its Temporal."""

    storage: DomainStorage
    client: Client
    supervision: Supervision

    async def start(
        self, project_id: UUID, name: str = "Waits", *, workflow_id: str | None = None
    ) -> WorkflowHandle[object, str]:
        """Start an execution on the project's queue."""
        return await self.client.start_workflow(
            name,
            id=workflow_id or str(uuid4()),
            task_queue=f"project-{project_id}",
            result_type=str,
        )

    async def let(self, run: WorkflowHandle[object, str]) -> str:
        """Let an execution of `Waits` go on; its result."""
        await run.signal("let")
        async with asyncio.timeout(30):
            return await run.result()


@asynccontextmanager
async def placed(
    storage: DomainStorage,
    database: DatabaseSettings,
    client: Client,
    launcher: Launcher,
    settings: SupervisionSettings = SETTINGS,
) -> AsyncGenerator[Place]:
    """A supervisor at work for as long as the block lasts."""
    hints = Hints(storage.database, database)
    made = supervision(
        storage=storage,
        settings=settings,
        launcher=launcher,
        client=client,
        temporal=TemporalTarget(
            address=client.service_client.config.target_host, namespace=client.namespace
        ),
        broker_of=lambda _tenant, _project: NoBroker(),
        hints=hints,
        restarts=QUICK,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(Supervisor([hints, *made.services], stop_timeout=20).run(stop))
    try:
        yield Place(storage, client, made)
    finally:
        stop.set()
        await running


@pytest_asyncio.fixture
async def place(
    domain_storage: DomainStorage,
    domain_settings: DatabaseSettings,
    projects_client: Client,
    processes: Launcher,
) -> AsyncGenerator[Place]:
    """One supervisor, for the projects of one database."""
    async with placed(domain_storage, domain_settings, projects_client, processes) as made:
        yield made
