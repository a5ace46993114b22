"""A launcher of the whole suite, and bundles that its processes run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest
from alga_temporal_domain.projects.calling import Broker, NoBroker
from alga_temporal_domain.projects.names import build_id, deployment_name, worker_identity
from alga_temporal_domain.projects.process.children import Child
from alga_temporal_domain.projects.process.endings import Ending
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.process.order import TemporalTarget, WorkOrder
from alga_temporal_domain.projects.process.statistics import Stats
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.testing.namespaces import create_namespace

DEADLINE = 20

SOURCE = '''
from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def shout(text: str) -> str:
    return text.upper()


@activity.defn
async def take_time(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "finished"


@workflow.defn
class Hello:
    @workflow.run
    async def run(self, name: str) -> str:
        text = await workflow.execute_activity(
            shout, name, start_to_close_timeout=timedelta(seconds=10)
        )
        return f"hello {text}"


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self, seconds: float) -> str:
        return await workflow.execute_activity(
            take_time, seconds, start_to_close_timeout=timedelta(seconds=20)
        )


@workflow.defn
class Calling:
    """Runs any activity with any argument."""

    @workflow.run
    async def run(self, asked: dict) -> object:
        return await workflow.execute_activity(
            asked["name"],
            asked["input"],
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=workflow_retries(),
        )


def workflow_retries():
    from temporalio.common import RetryPolicy

    return RetryPolicy(maximum_attempts=1)
'''


def bundle(
    source: str = SOURCE,
    *,
    memory_mb: int = 256,
    workflows: tuple[str, ...] = ("Hello", "Waiting", "Calling"),
    activities: tuple[str, ...] = ("shout", "take_time"),
) -> Bundle:
    return Bundle(
        manifest=Manifest(
            workflows=workflows, activities=activities, limits=Limits(memory_mb=memory_mb)
        ),
        files={"project_code.py": source},
    )


@dataclass
class Project:
    """A project with its processes on a Temporal namespace of the test."""

    launcher: Launcher
    client: Client
    id: UUID = field(default_factory=uuid4)
    children: list[Child] = field(default_factory=list[Child])
    stats: list[Stats] = field(default_factory=list[Stats])
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def queue(self) -> str:
        return f"queue-{self.id}"

    def order(self, code: Bundle, *, graceful_seconds: float = 10.0) -> WorkOrder:
        return WorkOrder(
            project_id=self.id,
            bundle_hash=code.hash,
            bundle=code,
            queue=self.queue,
            slot=0,
            epoch=len(self.children) + 1,
            identity=worker_identity(self.id, code.hash, 0, len(self.children) + 1, "test"),
            temporal=TemporalTarget(
                address=self.client.service_client.config.target_host,
                namespace=self.client.namespace,
            ),
            graceful_seconds=graceful_seconds,
        )

    async def begin(
        self, order: WorkOrder, *, broker: Broker | None = None, deadline: float | None = None
    ) -> Child:
        child = await self.launcher.start(
            order,
            broker=broker or NoBroker(),
            on_stats=self.stats.append,
            on_line=lambda stream, text: self.lines.append((stream, text)),
            deadline=deadline,
        )
        self.children.append(child)
        return child

    async def start(
        self,
        code: Bundle | None = None,
        *,
        broker: Broker | None = None,
        graceful_seconds: float = 10.0,
    ) -> Child:
        """A process that polls."""
        code = code or bundle()
        child = await self.begin(self.order(code, graceful_seconds=graceful_seconds), broker=broker)
        await child.ready(DEADLINE)
        return child

    async def make_current(self, code: Bundle) -> None:
        """New executions go to `code`; Temporal hears of a version with its first poll."""
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    await self.client.workflow_service.set_worker_deployment_current_version(
                        SetWorkerDeploymentCurrentVersionRequest(
                            namespace=self.client.namespace,
                            deployment_name=deployment_name(self.id),
                            build_id=build_id(code.hash),
                            identity="test",
                        )
                    )
                except RPCError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def running(self, code: Bundle | None = None, **options: Any) -> Child:
        """A process that gets the executions of the project."""
        code = code or bundle()
        child = await self.start(code, **options)
        await self.make_current(code)
        return child

    async def call(self, name: str, value: object) -> Any:
        """The result of an activity that a workflow of the project calls."""
        return await self.client.execute_workflow(
            "Calling", {"name": name, "input": value}, id=f"call-{uuid4()}", task_queue=self.queue
        )

    async def close(self) -> None:
        for child in self.children:
            child.kill()
        for child in self.children:
            await child.ended()


async def end_of(child: Child) -> Ending:
    """How it ends, which has to be soon."""
    async with asyncio.timeout(DEADLINE):
        return await child.ended()


@asynccontextmanager
async def launched(launcher: Launcher) -> AsyncGenerator[Launcher]:
    """The launcher as a running service."""
    ready = asyncio.Event()
    task = asyncio.create_task(launcher.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield launcher
    finally:
        await launcher.stop()
        await task


async def namespace_of_projects(server: TemporalServer, telemetry: TemporalTelemetry) -> Client:
    """A client in a new namespace."""
    runtime, patience = telemetry.runtime, 60.0  # the server serves all tests at once
    settings = TemporalSettings(address=server.address)
    admin = await connect(settings, runtime=runtime, timeout=patience)
    namespace = await create_namespace(admin)
    settings = TemporalSettings(address=server.address, namespace=namespace)
    return await connect(settings, runtime=runtime, timeout=patience)


@pytest_asyncio.fixture(scope="session")
async def launcher() -> AsyncGenerator[Launcher]:
    """Starts the processes of the run."""
    async with launched(Launcher()) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def projects_client(
    temporal_server: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> Client:
    """A client in one namespace for all: queues and deployments are of projects."""
    return await namespace_of_projects(temporal_server, temporal_telemetry)


@pytest_asyncio.fixture
async def project(launcher: Launcher, projects_client: Client) -> AsyncGenerator[Project]:
    """A project without processes; those that it gets end with the test."""
    made = Project(launcher, projects_client)
    yield made
    await made.close()
