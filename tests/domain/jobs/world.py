"""Jobs with everything they need, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from alga_temporal_domain.jobs.contracts import LimiterState
from alga_temporal_domain.jobs.enqueueing import EnqueuedJob, JobOrder
from alga_temporal_domain.jobs.family import JobFamily, JobMeans, job_family
from alga_temporal_domain.jobs.ports import NeverSuspended, TenantState
from alga_temporal_domain.jobs.registry import AnyJob, JobRegistry
from alga_temporal_domain.jobs.settings import JobSettings
from alga_temporal_domain.queues.spec import build_worker
from alga_temporal_domain.storage.jobs import JobRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.egress.addresses import AddressPolicy
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets
from alga_workflows_core.infra.supervisor import Service

TENANT = "acme"
PATIENCE = 25.0
FINAL = {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED", "TIMED_OUT", "TERMINATED", "LOST"}
SHORT_LIMITER = LimiterState(check_seconds=1.0, linger_seconds=1.0, most_signals=25)
LOOPBACK = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))


async def until(look: Callable[[], Awaitable[Any]], what: str, seconds: float = PATIENCE) -> Any:
    """What `look` gives, as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass(frozen=True, kw_only=True)
class JobWorld:
    """One process's family of jobs, at work."""

    family: JobFamily
    client: Client
    storage: DomainStorage

    async def enqueue(
        self,
        name: str,
        data: Any = None,
        *,
        key: str | None = None,
        start_at: datetime | None = None,
    ) -> EnqueuedJob:
        """A new job."""
        order = JobOrder(name=name, data=data, key=key, start_at=start_at, actor="test")
        return await self.family.enqueueing.enqueue(TENANT, order)

    async def row(self, job_id: UUID) -> JobRow:
        return await self.family.desk.get(TENANT, job_id)

    async def ended(self, job_id: UUID, seconds: float = PATIENCE) -> JobRow:
        """The row, once it says how the job has ended."""

        async def look() -> JobRow | None:
            try:
                row = await self.row(job_id)
            except AlgaError:
                return None
            return row if row.state in FINAL else None

        return await until(look, f"job {job_id} has ended", seconds)

    async def steps(self, job_id: UUID) -> list[str]:
        """Their names."""
        return [step.name for step in await self.family.desk.steps(TENANT, job_id)]

    def handle(self, job: EnqueuedJob | JobRow) -> WorkflowHandle[Any, Any]:
        """The job in Temporal."""
        return self.client.get_workflow_handle(job.workflow_id, run_id=job.run_id)

    async def status(self, job: EnqueuedJob | JobRow) -> str | None:
        """What Temporal says of it."""
        try:
            described = await self.handle(job).describe()
        except RPCError:
            return None
        return None if described.status is None else described.status.name

    async def agrees(self, row: JobRow) -> bool:
        """Whether the row says what Temporal says."""
        said = {"SUCCEEDED": "COMPLETED", "SKIPPED": "COMPLETED"}.get(row.state, row.state)
        return said == await self.status(row)


@asynccontextmanager
async def job_world(
    client: Client,
    storage: DomainStorage,
    jobs: Sequence[AnyJob],
    *,
    tenants: TenantState | None = None,
    environ: dict[str, str] | None = None,
    policy: AddressPolicy = LOOPBACK,
    has_worker: bool = True,
) -> AsyncGenerator[JobWorld]:
    """Jobs at work for as long as the block lasts."""
    async with AsyncExitStack() as undo:
        http = create_client(policy)
        undo.push_async_callback(http.aclose)
        family = job_family(
            JobMeans(
                storage=storage,
                client=client,
                address="the test's server",
                http=http,
                secrets=EnvironmentSecrets(environ or {}),
                registry=JobRegistry(jobs),
                settings=JobSettings(),
                tenants=tenants or NeverSuspended(),
                limiter=SHORT_LIMITER,
                heartbeat_throttle=timedelta(seconds=0.1),
            )
        )
        for service in family.services:
            await undo.enter_async_context(_running(service))
        if has_worker:
            worker = build_worker(
                client, family.queue, build_id="test", graceful_shutdown=timedelta(seconds=0.2)
            )
            await undo.enter_async_context(worker)
        yield JobWorld(family=family, client=client, storage=storage)


@asynccontextmanager
async def _running(service: Service) -> AsyncGenerator[None]:
    task = asyncio.create_task(service.run(lambda: None), name=service.name)
    try:
        yield
    finally:
        await service.stop()
        try:
            async with asyncio.timeout(10):
                await task
        finally:
            task.cancel()
