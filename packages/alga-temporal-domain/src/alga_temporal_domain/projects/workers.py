"""Has the workers of projects started, stopped and restarted, and tells how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alga_temporal_domain.projects.collecting import Collector
from alga_temporal_domain.projects.publishing import found
from alga_temporal_domain.storage.instances import InstanceHistory, InstanceRow
from alga_temporal_domain.storage.observed import ActivityRow, LineRow, Observed
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from alga_workflows_core.errors import AlgaError, ConflictError, FindingsError

RUNNING = "RUNNING"
STOPPED = "STOPPED"
READY = "ready"
OUTCOME_SECONDS = 30.0

_LOOK_SECONDS = 0.05
_LOOK_SECONDS_MOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """A project's wish and what there is: live processes, and versions that were activated."""

    project: ProjectRow
    instances: list[InstanceRow]
    versions: list[VersionRow]

    @property
    def is_running(self) -> bool:
        """Whether one of them takes work."""
        return any(each.state == READY for each in self.instances)

    @property
    def current(self) -> VersionRow | None:
        """What new executions begin with."""
        return next((each for each in self.versions if each.state == "CURRENT"), None)


class WorkerDesk:
    """Wishes go into rows, which supervisors obey; outcomes are read from rows."""

    def __init__(
        self,
        *,
        storage: DomainStorage,
        collector: Collector,
        outcome_seconds: float = OUTCOME_SECONDS,
    ) -> None:
        self._storage = storage
        self._collector = collector
        self._outcome_seconds = outcome_seconds

    async def wish(
        self, tenant: str, project_id: UUID, desired: str, *, restart: bool = False
    ) -> WorkerState:
        """Have the project's workers RUNNING or STOPPED, anew if `restart`; returns at once."""
        async with self._storage.unit_of_work(tenant) as work:
            project = await found(work, project_id)
            if not project.is_active:
                raise ConflictError(f"Project {project_id} is not active.", code="PROJECT_INACTIVE")
            await work.projects.wish(project_id, desired, restart=restart)
        return await self.state(tenant, project_id)

    async def start(self, tenant: str, project_id: UUID, *, restart: bool = False) -> None:
        """Return when a worker takes work. AlgaError says why there is none within 30 s."""
        await self._collect(tenant, project_id)
        state = await self.wish(tenant, project_id, RUNNING, restart=restart)
        generation = state.project.generation

        def outcome(now: WorkerState) -> bool:
            _refuse_hopeless(now)
            return any(
                each.state == READY and each.generation >= generation and _is_current(now, each)
                for each in now.instances
            )

        if not await self._until(tenant, project_id, outcome):
            raise AlgaError(
                f"No worker of project {project_id} was ready within {self._outcome_seconds:g} s.",
                code="NOT_READY",
                remedy="It is still wanted; look at its instances and logs.",
            )

    async def stop(self, tenant: str, project_id: UUID) -> None:
        """Return when no process of the project is left; AlgaError if one is after 30 s."""
        await self.wish(tenant, project_id, STOPPED)
        if not await self._until(tenant, project_id, lambda now: not now.instances):
            raise AlgaError(
                f"Workers of project {project_id} have not ended within "
                f"{self._outcome_seconds:g} s.",
                code="NOT_STOPPED",
                remedy="They end when their activities do.",
            )

    async def state(self, tenant: str, project_id: UUID) -> WorkerState:
        """NotFoundError if the tenant has no such project."""
        async with self._storage.unit_of_work(tenant) as work:
            project = await found(work, project_id)
        async with self._storage.transaction(tenant) as connection:
            return WorkerState(
                project=project,
                instances=await InstanceHistory(connection, tenant).live(project_id),
                versions=await Versions(connection, tenant).of_project(project_id),
            )

    async def running(self, tenant: str) -> list[UUID]:
        """The projects with a worker that takes work."""
        async with self._storage.transaction(tenant) as connection:
            return await Observed(connection, tenant).running()

    async def instances(
        self, tenant: str, project_id: UUID, after: tuple[datetime, UUID] | None, at_most: int
    ) -> list[InstanceRow]:
        """Processes that are or were, the newest first."""
        await self._exists(tenant, project_id)
        async with self._storage.transaction(tenant) as connection:
            return await InstanceHistory(connection, tenant).page(project_id, after, at_most)

    async def statistics(self, tenant: str, project_id: UUID) -> list[ActivityRow]:
        """By bundle and activity."""
        await self._exists(tenant, project_id)
        async with self._storage.transaction(tenant) as connection:
            return await Observed(connection, tenant).statistics(project_id)

    async def lines(
        self, tenant: str, project_id: UUID, after: int | None, at_most: int
    ) -> list[LineRow]:
        """Log lines in their order: those behind `after`, or else the newest."""
        await self._exists(tenant, project_id)
        async with self._storage.transaction(tenant) as connection:
            observed = Observed(connection, tenant)
            if after is None:
                return await observed.latest_lines(project_id, at_most)
            return await observed.lines(project_id, after, at_most)

    async def reload(self, tenant: str, workflow_id: UUID) -> UUID | None:
        """Collect and activate anew the project of a builder's workflow, which is returned.

        None if there is no such workflow. FindingsError if its code cannot be run.
        """
        async with self._storage.unit_of_work(tenant) as work:
            project_id = await work.compiled_code.project_of(workflow_id)
        if project_id is None:
            return None
        collected = await self._collector.collect(tenant, project_id)
        if (fault := collected.fault) is not None:
            raise FindingsError(f"The project's code cannot be run: {fault.message}")
        return project_id

    async def _exists(self, tenant: str, project_id: UUID) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)

    async def _collect(self, tenant: str, project_id: UUID) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            project = await found(work, project_id)
        if project.code_seq > project.collected_seq:
            await self._collector.collect(tenant, project_id)

    async def _until(
        self, tenant: str, project_id: UUID, outcome: Callable[[WorkerState], bool]
    ) -> bool:
        async def look() -> bool:
            return outcome(await self.state(tenant, project_id))

        return await _happens(look, self._outcome_seconds)


async def _happens(look: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline, wait = loop.time() + seconds, _LOOK_SECONDS
    while not await look():
        if loop.time() + wait > deadline:
            return False
        await asyncio.sleep(wait)
        wait = min(_LOOK_SECONDS_MOST, wait * 1.2)
    return True


def _is_current(state: WorkerState, instance: InstanceRow) -> bool:
    return state.current is None or state.current.hash == instance.hash


def _refuse_hopeless(state: WorkerState) -> None:
    """ConflictError where waiting for a worker would be in vain."""
    if state.project.desired != RUNNING:
        raise ConflictError("Somebody asked for the project to be stopped meanwhile.")
    current = state.current
    if current is None:
        raise ConflictError(
            f"Project {state.project.id} has no active code.",
            code="NOTHING_ACTIVE",
            remedy="Publish a bundle and activate it.",
        )
    if current.quarantined_at is not None:
        raise ConflictError(
            f"The project's code was stopped for good: {current.reason or 'it failed too often'}",
            code="QUARANTINED",
            remedy="Activate other code, or start it again once the cause is gone.",
        )
