"""A supervisor with real processes, a neighbour that is used all the time, and what is seen."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from temporalio.client import Client

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.publishing import Publishing
from alga_temporal_domain.storage.instances import InstanceHistory, InstanceRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from tests.domain.containment.attacks import GOOD
from tests.domain.supervision.world import TENANT

PATIENCE = 60.0
TABLES = (
    *("projects", "code_bundles", "code_activations", "code_versions"),
    *("worker_instances", "project_files", "project_cache"),
)
CHANGING = {"beat_at", "busy_at", "cpu_percent", "memory_mb", "tasks_completed", "tasks_failed",
            "sum_ms", "batch", "updated_at", "told_seq", "last_execution_at",
            "total_workflow_executions", "total_activity_executions",
            "avg_execution_duration_ms"}  # fmt: skip


def good(answer: str) -> Bundle:
    """Well-behaved code whose activity answers so."""
    return Bundle(
        manifest=Manifest(workflows=("Calling",), activities=("whose",), limits=Limits()),
        files={"evil.py": GOOD.replace("mine", answer)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One supervisor for the projects of one database."""

    storage: DomainStorage
    client: Client
    launcher: Launcher
    publishing: Publishing
    database_url: str

    async def instances(self, project_id: UUID) -> list[InstanceRow]:
        """The processes of a project, the oldest first."""
        async with self.storage.transaction(TENANT) as connection:
            return (await InstanceHistory(connection, TENANT).page(project_id, None, 100))[::-1]

    async def version(self, project_id: UUID) -> VersionRow:
        """What is known of the only version."""
        async with self.storage.transaction(TENANT) as connection:
            return (await Versions(connection, TENANT).of_project(project_id))[0]

    async def ready(self, project_id: UUID) -> InstanceRow:
        """Its process, once it takes work and Temporal knows its version."""

        async def look() -> InstanceRow | None:
            told = (await self.version(project_id)).told_seq
            live = [row for row in await self.instances(project_id) if row.state == "ready"]
            return live[0] if live and told is not None else None

        return await eventually(look, f"a process of {project_id} is ready")

    async def call(self, project_id: UUID, workflow: str = "Calling", *arguments: Any) -> Any:
        """The result of an execution on the project's queue."""
        return await self.client.execute_workflow(
            workflow, args=arguments, id=str(uuid4()), task_queue=f"project-{project_id}"
        )

    async def rows(self, project_id: UUID, *more: str) -> dict[str, list[dict[str, Any]]]:
        """All that is kept of a project, without what changes by itself. `more`: tables."""
        url = self.database_url.replace("postgresql+psycopg", "postgresql")
        found: dict[str, list[dict[str, Any]]] = {}
        async with await psycopg.AsyncConnection.connect(url) as connection:
            for table in (*TABLES, *more):
                key = "id" if table == "projects" else "project_id"
                query = f"SELECT to_jsonb(t) FROM alga_domain.{table} t WHERE {key} = %s"  # noqa: S608
                rows = await connection.execute(query.encode(), [project_id])
                found[table] = sorted(
                    [{k: v for k, v in row[0].items() if k not in CHANGING} async for row in rows],
                    key=str,
                )
        return found

    async def change(self, statement: str, *values: object) -> None:
        """As only who is above all triggers and rules can."""
        url = self.database_url.replace("postgresql+psycopg", "postgresql")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(statement.encode(), values)


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives, as soon as it gives something that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := await look():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


@dataclass(slots=True)
class Neighbour:
    """Another project, whose workflow and activity are called without a pause."""

    id: UUID
    seconds: list[float] = field(default_factory=list[float])
    wrong: list[str] = field(default_factory=list[str])

    @asynccontextmanager
    async def used(self, world: World) -> AsyncGenerator[None]:
        """For as long as the block lasts."""
        stop = asyncio.Event()
        using = asyncio.create_task(self._use(world, stop))
        try:
            yield
        finally:
            stop.set()
            await using

    async def _use(self, world: World, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            try:
                answer = await world.call(self.id, "Calling", "whose")
            except Exception as error:  # noqa: BLE001 - any of them is what is looked for
                answer = repr(error)
            self.seconds.append(time.monotonic() - began)
            if answer != "mine":
                self.wrong.append(answer)
            await asyncio.sleep(0.05)


def children_of(pid: int) -> set[int]:
    """The processes that have this parent and are no zombies."""
    found: set[int] = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(place.parent.name))
    return found


def resident_mib(pid: int | None = None) -> float:
    """Of this process, or another."""
    text = Path(f"/proc/{pid or os.getpid()}/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2
