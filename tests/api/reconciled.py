"""A service whose reconciler is quick, and runs that hold on for as long as a test wants."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import RUN_WORKFLOW, TASK_QUEUE, workflow_id
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.types.states import RunStatus
from tests.api.service import published, serving
from workflow_worker.base import Mode

TENANT = "default"
DEADLINE = 20.0
NEVER = "3600"
DEED = re.compile(r'^alga_reconciler_deeds_total\{deed="(\w+)"\} (\S+)$', re.MULTILINE)

# By rows only, or by what Temporal lists only.
BY_ROWS = {"WORKFLOW_RECONCILE_AFTER": "0.3", "WORKFLOW_SWEEP_INTERVAL": NEVER}
BY_SWEEP = {"WORKFLOW_RECONCILE_AFTER": "0.3", "WORKFLOW_SWEEP_INTERVAL": "0.3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A service and what it works with."""

    api: httpx.AsyncClient
    url: str
    client: Client
    storage: Storage

    def handle(self, run_id: UUID) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(run_id))

    async def row(self, run_id: UUID) -> RunRow | None:
        async with self.storage.unit_of_work(TENANT) as work:
            return await work.runs.get(run_id)

    async def existing(self, run_id: UUID) -> RunRow:
        row = await self.row(run_id)
        assert row is not None
        return row

    async def steps(self, run_id: UUID) -> list[StepRow]:
        async with self.storage.unit_of_work(TENANT) as work:
            return await work.steps.list(run_id, after=None, limit=100)

    async def becomes(self, run_id: UUID, *statuses: RunStatus) -> RunRow:
        """The row once it is there in one of these states."""

        async def is_so() -> RunRow | None:
            row = await self.row(run_id)
            return row if row is not None and row.status in statuses else None

        return await eventually(is_so)

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Change rows behind everybody's back."""
        async with self.storage.database.engine.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def scalar(self, query: str, **parameters: Any) -> Any:
        async with self.storage.database.connect() as connection:
            return await connection.scalar(text(query), parameters)

    async def deeds(self) -> dict[str, float]:
        """What the reconciler says that it did."""
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{self.url}/metrics")).text
        return {deed: float(count) for deed, count in DEED.findall(metrics)}

    async def start(self, identity: str) -> UUID:
        """A run of a published definition."""
        started = await self.api.post(f"/definitions/{identity}/runs", json={"payload": {"a": 1}})
        assert started.status_code == 201, started.text
        return UUID(started.json()["runId"])

    async def claimed(
        self,
        identity: str,
        status: RunStatus = RunStatus.STARTING,
        *,
        run_id: UUID | None = None,
        due_in: int = 3600,
        namespace: str | None = None,
    ) -> UUID:
        """The row of a run that somebody has claimed for `due_in` seconds and never started."""
        run_id = run_id or uuid4()
        await self.execute(
            "INSERT INTO workflow_runs (tenant, id, definition_id, version, status, trigger_type,"
            " execution_key, payload, created_by, temporal_namespace, start_due_at)"
            " VALUES (:tenant, :id, :identity, 1, :status, 'api', :key, '{\"a\": 1}', 'test',"
            " :namespace, clock_timestamp() + make_interval(secs => :due_in))",
            due_in=due_in,
            namespace=namespace,
            tenant=TENANT,
            id=run_id,
            key=str(run_id),
            identity=identity,
            status=status,
        )
        return run_id

    async def execution(
        self, run_id: UUID, document: dict[str, Any], *, lasts: float | None = None
    ) -> WorkflowHandle[Any, Any]:
        """An execution that was started past the service."""
        start = RunInput(
            run_id=run_id,
            tenant_id=TENANT,
            workflow_id=document["id"],
            workflow_version=1,
            trigger_type="api",
            execution_key=str(run_id),
            created_by="test",
            engine=ENGINE,
            expression_engine="none",
            payload={"a": 1},
            definition=document,
            actions=await self.pinned(document["id"]),
        )
        return await self.client.start_workflow(
            RUN_WORKFLOW,
            start,
            id=workflow_id(run_id),
            task_queue=TASK_QUEUE,
            execution_timeout=None if lasts is None else timedelta(seconds=lasts),
        )

    async def pinned(self, identity: str) -> list[Any]:
        async with self.storage.unit_of_work(TENANT) as work:
            version = await work.definitions.version(identity, 1)
        assert version is not None
        return list(version.actions)

    async def has_execution(self, run_id: UUID) -> bool:
        try:
            await self.handle(run_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def closed(self, run_id: UUID) -> WorkflowExecutionStatus:
        """How the execution has ended, once it has."""

        async def is_so() -> WorkflowExecutionStatus | None:
            status = (await self.handle(run_id).describe()).status
            return None if status is WorkflowExecutionStatus.RUNNING else status

        return await eventually(is_so)


MakeWorld = Callable[..., Awaitable[World]]


@asynccontextmanager
async def world(
    database_url: str,
    storage: Storage,
    client: Client,
    address: str,
    telemetry: TemporalTelemetry,
    **variables: str,
) -> AsyncGenerator[World]:
    """A running service with these settings."""
    temporal = TemporalSettings(address=address, namespace=client.namespace)
    async with (
        serving(
            database_url, temporal, telemetry, mode=Mode(open_tenant=TENANT), **variables
        ) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as api,
    ):
        yield World(api=api, url=url, client=client, storage=storage)


def holding(identity: str, url: str) -> dict[str, Any]:
    """A definition that asks `url` and then returns; as long as nobody answers, it runs."""
    return {
        "id": identity,
        "name": "Holding",
        "steps": [
            {
                "id": "ask",
                "type": "action.call",
                "config": {
                    "actionId": "http.request",
                    "version": 1,
                    "inputMapping": {"method": "GET", "url": url},
                },
            },
            {"id": "end", "type": "control.return", "value": 1},
        ],
    }


async def held(world: World, silent: tuple[str, asyncio.Event]) -> UUID:
    """A run that is in the middle of an action, and whose row says so."""
    url, asked = silent
    await published(world.api, holding("holding", url))
    run_id = await world.start("holding")
    await asyncio.wait_for(asked.wait(), DEADLINE)
    await world.becomes(run_id, RunStatus.RUNNING)
    return run_id


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    """What `condition` answers once that is something."""
    async with asyncio.timeout(DEADLINE):
        while not (found := await condition()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        return found
