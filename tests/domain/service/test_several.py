"""Several complete services on one database and one Temporal."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from tests.domain.service.running import TENANT
from tests.services.command import Command, client, eventually, running
from tests.services.processes import alive, descendants

MOST_PROJECTS = 20
LONG, SHORT, TICK = 60.0, 2.0, 0.4
BUSY_MACHINE = 10.0

CODE = """
from temporalio import workflow


@workflow.defn(name="wait")
class Wait:
    def __init__(self) -> None:
        self.said = ""

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: bool(self.said))
        return self.said

    @workflow.signal
    def say(self, text: str) -> None:
        self.said = text
"""
_PROCESSES = """
    SELECT project_id::text AS project, holder, state, exit_kind FROM worker_instances
    ORDER BY created_at
"""
_CLAIMED = "SELECT max(extract(epoch FROM claimed_at)) FROM worker_slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of the processes, and a client of its API."""

    command: Command
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers, which has to be a success."""
        answer = await self.http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def workers(self) -> set[str]:
        """The projects that it says have a worker."""
        return set((await self.ask("GET", "/workers"))["workers"])

    async def publish(self) -> str:
        """A new project with active code."""
        made = await self.ask("POST", "/v1/projects", {"name": uuid4().hex})
        bundles = f"/v1/projects/{made['id']}/bundles"
        bundle = await self.ask("POST", bundles, {"files": {"flows.py": CODE}})
        await self.ask("POST", f"{bundles}/{bundle['hash']}/activate", {})
        return made["id"]

    async def begin(self, project: str) -> str:
        """The id of an execution that waits."""
        path = f"/v1/projects/{project}/workflows/wait/runs"
        return (await self.ask("POST", path, {}))["workflowId"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The database and the Temporal of all of them."""

    storage: DomainStorage
    temporal: Client
    environ: dict[str, str]
    key: str

    @asynccontextmanager
    async def service(self, ttl: float) -> AsyncGenerator[Service]:
        """A process that serves until it is ended."""
        environ = {
            **self.environ,
            "WORKER_SERVICE_PORT": "0",
            "WORKFLOW_START_TIMEOUT": "60",
            "WORKER_LEASE_TTL": str(ttl),
            "WORKER_LEASE_TICK": str(TICK),
            "WORKER_LEASE_MARGIN": str(TICK),
        }
        async with (
            running("serve", environ=environ, module="temporal_worker") as command,
            client(await command.url(), self.key) as http,
        ):
            yield Service(command=command, http=http)

    async def rows(self, query: str) -> list[Any]:
        """What the database says."""
        async with self.storage.transaction(TENANT) as connection:
            return list(await connection.exec_driver_sql(query))

    async def projects_of(self, service: Service) -> set[str]:
        """Those whose process that takes work is this service's."""
        mark = f":{service.command.pid}:"
        return {
            row.project
            for row in await self.rows(_PROCESSES)
            if row.state == "ready" and mark in row.holder
        }

    async def all_are_of(self, service: Service, projects: set[str]) -> None:
        """Wait until it has them all."""

        async def look() -> bool:
            return await self.projects_of(service) == projects == await service.workers()

        await eventually(look, "the other service has all projects")

    async def finish(self, executions: list[str]) -> None:
        """Let executions end, and see that they do."""
        for one in executions:
            handle = self.temporal.get_workflow_handle(one, result_type=str)
            await handle.signal("say", one)
            assert await handle.result() == one


@pytest_asyncio.fixture
async def place(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[Place]:
    """With a key."""
    database = Database(load(DatabaseSettings, service_environ))
    storage, key = DomainStorage(database), generate_key()
    async with storage.unit_of_work(TENANT) as work:
        role = Role.ADMIN.label
        await work.api_keys.add(uuid4(), name="test", role=role, key_hash=hash_key(key))
    temporal = load(TemporalSettings, service_environ)
    yield Place(
        storage=storage,
        temporal=await connect(temporal, runtime=temporal_telemetry.runtime, timeout=60.0),
        environ=service_environ,
        key=key,
    )
    await database.close()


async def test_projects_pass_from_one_service_to_another(place: Place) -> None:
    """At once from one that is asked to stop, within its lease from one that is killed; each
    answers for all, and executions that were begun by any of them end."""
    async with place.service(LONG) as first, place.service(SHORT) as second:
        projects: set[str] = set()
        # Which of the two gets a project is chance.
        while not all([len(await place.projects_of(one)) for one in (first, second)]):
            assert len(projects) < MOST_PROJECTS
            project = await first.publish()
            await second.ask("POST", "/workers/start", {"projectId": project})
            projects.add(project)
        assert await first.workers() == await second.workers() == projects
        of_first = [await first.begin(project) for project in projects]

        asked = time.monotonic()
        first.command.terminate()
        await place.all_are_of(second, projects)
        assert time.monotonic() - asked < LONG / 2
        assert await first.command.ended() == 0
        ends = {(row.state, row.exit_kind) for row in await place.rows(_PROCESSES)}
        assert ends == {("ready", None), ("stopped", "wanted")}
        await place.finish(of_first)
        of_second = [await second.begin(project) for project in projects]

        async with place.service(SHORT) as third:

            async def answers_for_all() -> bool:
                # While a project is left to it, that one has no process for a moment.
                return await third.workers() == projects

            await eventually(answers_for_all, "the third answers for all projects")
            processes = descendants(second.command.pid)
            killed = time.time()
            second.command.kill()
            await place.all_are_of(third, projects)
            (row,) = await place.rows(_CLAIMED)
            assert float(row[0]) - killed < SHORT + 2 * TICK + BUSY_MACHINE

            async def have_ended() -> bool:
                return not alive(processes)

            await eventually(have_ended, "the processes of the killed one have ended")
            of_third = [await third.begin(project) for project in projects]
            await place.finish([*of_second, *of_third])
