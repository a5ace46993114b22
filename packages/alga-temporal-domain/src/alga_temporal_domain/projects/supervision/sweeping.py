"""Looks at Temporal now and then: what has drained or waits, who may sleep or has to wake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from alga_temporal_domain.projects.bundles import stored
from alga_temporal_domain.projects.findings import hash_mismatch
from alga_temporal_domain.projects.moving import RunMover
from alga_temporal_domain.projects.supervision.keeper import SlotKeeper
from alga_temporal_domain.projects.supervision.means import Means
from alga_temporal_domain.projects.supervision.supervisor import ProjectSupervisor
from alga_temporal_domain.projects.versions import TemporalVersions
from alga_temporal_domain.storage.bundles import ActivationRow
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.slots import SleepingRow, SlotKey, Slots
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from alga_workflows_core.errors import AlgaError

log = structlog.get_logger()

_AT_A_TIME = 8
_SLEEPING_AT_ONCE = 200
_DRAINED_AT_ONCE = 20
_LOOKS_UNTIL_DRAINED = 2
_SWEEPS_PER_DELETION = 6

# Until visibility shows which version an execution is on.
_VISIBLE_SECONDS = 2.0


async def wake(storage: DomainStorage, tenant: str, project_id: UUID) -> bool:
    """Have the project's workers run if it sleeps; whether it did. To be called after an execution
    was started; whoever forgets it is found by the next sweep."""
    async with storage.transaction(tenant) as connection:
        return await Versions(connection, tenant).wake(project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A project, its versions and its last activation, as the rows have them."""

    project: ProjectRow
    versions: list[VersionRow]
    activation: ActivationRow

    def version(self, bundle_hash: str) -> VersionRow | None:
        return next((one for one in self.versions if one.hash == bundle_hash), None)

    @property
    def is_draining(self) -> bool:
        """Whether executions may be on another version than they would begin on now."""
        return any(one.state == "DRAINING" for one in self.versions)

    @property
    def is_told(self) -> bool:
        """Whether Temporal knows of all that was activated."""
        return all(
            one.told_seq == one.seq for one in self.versions if one.state in {"CURRENT", "RAMPING"}
        )


class Sweeper:
    """`sweep` is for a `PeriodicService`. What fails for one project, others do not feel."""

    def __init__(
        self,
        means: Means,
        supervisor: ProjectSupervisor,
        versions: TemporalVersions,
        mover: RunMover,
    ) -> None:
        self._means = means
        self._supervisor = supervisor
        self._temporal = versions
        self._mover = mover
        self._empty: dict[SlotKey, int] = {}
        self._asked: dict[tuple[UUID, int], float] = {}
        self._after: UUID | None = None
        self._sweeps = 0
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def sweep(self) -> None:
        """Look at all that is held here, and at what sleeps. UnavailableError without rows."""
        keepers = [one for one in self._supervisor.keepers if one.grant.key.number == 0]
        held = {keeper.grant.key for keeper in keepers}
        projects = {key.project_id for key in held}
        self._asked = {of: at for of, at in self._asked.items() if of[0] in projects}
        self._empty = {key: looks for key, looks in self._empty.items() if key in held}
        async with self._means.storage.transaction() as connection:
            slots = Slots(connection, self._means.holder)
            sleeping = await slots.sleeping(self._after, _SLEEPING_AT_ONCE)
            drained = await slots.drained(_DRAINED_AT_ONCE)
        is_last = len(sleeping) < _SLEEPING_AT_ONCE
        self._after = None if is_last else sleeping[-1].project_id
        await self._all(self._look(keeper) for keeper in keepers if keeper.is_ready)
        await self._all(self._wake_if_needed(row) for row in sleeping)
        # Temporal takes minutes until it lets go of a version; no need to ask it each time.
        is_time = self._sweeps % _SWEEPS_PER_DELETION == 0
        self._sweeps += 1
        await self._all(self._drained(*one, may_delete=is_time) for one in drained)

    async def _all(self, parts: Iterable[Awaitable[None]]) -> None:
        async def one(part: Awaitable[None]) -> None:
            async with self._turns:
                try:
                    await part
                except AlgaError as error:
                    log.warning(
                        f"A part of a sweep was left for the next one: {error}",
                        action="sweep.part_failed",
                    )

        await asyncio.gather(*(one(part) for part in parts))

    async def _look(self, keeper: SlotKeeper) -> None:
        key, tenant = keeper.grant.key, keeper.grant.tenant
        async with self._means.storage.transaction(tenant) as connection:
            rows = await Versions(connection, tenant).of_project(key.project_id)
        async with self._means.storage.unit_of_work(tenant) as work:
            project = await work.projects.get(key.project_id)
            activations = await work.bundles.activations(key.project_id, 1)
        if project is None or not activations:
            return
        looked = _Looked(project=project, versions=rows, activation=activations[0])
        version = looked.version(key.hash)
        if version is None:
            return
        if version.state == "DRAINING" and looked.is_told:
            await self._drain(keeper)
        if version.state == "CURRENT":
            await self._move(keeper, looked, version)
        if not await self._sleep(keeper, looked, version):
            await self._scale(keeper, looked, version)

    async def _drain(self, keeper: SlotKeeper) -> None:
        """Drained is what had nothing open at two looks: an execution's first task may be under
        way at one of them."""
        key = keeper.grant.key
        if await self._temporal.open_executions(key.project_id, key.hash):
            self._empty.pop(key, None)
            return
        self._empty[key] = looks = self._empty.get(key, 0) + 1
        if looks >= _LOOKS_UNTIL_DRAINED:
            async with self._means.fenced(keeper.grant) as held:
                await held.versions.becomes(key.project_id, key.hash, "DRAINING", "DRAINED")
            self._supervisor.poke()

    async def _move(self, keeper: SlotKeeper, looked: _Looked, version: VersionRow) -> None:
        """After an activation that says so, running executions go on with its code if they can."""
        activation, key = looked.activation, keeper.grant.key
        is_asked = activation.mode == "AUTO_UPGRADE" and activation.ramp_percent == 100
        is_decided = version.moved_seq == activation.seq
        if not is_asked or not looked.is_told or (is_decided and not looked.is_draining):
            return
        if is_decided and version.move_findings:
            return
        seen_at = self._asked.setdefault((key.project_id, activation.seq), time.monotonic())
        if time.monotonic() - seen_at < _VISIBLE_SECONDS:
            return
        async with self._means.storage.unit_of_work(keeper.grant.tenant) as work:
            content = await work.bundles.content(key.project_id, key.hash)
        # Again while something drains: what was started last is visible last.
        bundle = await stored(content, key.hash)
        findings = (
            [hash_mismatch(key.hash)]
            if bundle is None
            else await self._mover.move(key.project_id, bundle)
        )
        told = [one.model_dump(mode="json", by_alias=True) for one in findings]
        async with self._means.fenced(keeper.grant) as held:
            await held.versions.moved(key.project_id, key.hash, activation.seq, told or None)

    async def _sleep(self, keeper: SlotKeeper, looked: _Looked, version: VersionRow) -> bool:
        """Whether the project sleeps now: nothing was done for so long, and nothing waits."""
        project, idle = looked.project, time.monotonic() - keeper.busy_at
        if version.state != "CURRENT" or project.idle_seconds is None:
            return False
        if idle < project.idle_seconds:
            return False
        live = [one.hash for one in looked.versions if one.state != "DRAINED"]
        waiting, _ = await self._temporal.backlog(project.id, project.task_queue_name, live)
        if waiting:
            return False
        async with self._means.fenced(keeper.grant) as held:
            sleeps = await held.versions.sleep(project.id)
        if sleeps:
            log.info(
                "A project sleeps: it has had nothing to do.",
                action="project.slept",
                project_id=str(project.id),
                idle_s=round(idle),
            )
        return sleeps

    async def _scale(self, keeper: SlotKeeper, looked: _Looked, version: VersionRow) -> None:
        """One slot more where too much waits, one less where nothing does."""
        settings, key = self._means.settings, keeper.grant.key
        if looked.project.most_slots <= looked.project.slots:
            return
        count, age = await self._temporal.version_backlog(key.project_id, key.hash)
        if version.state == "CURRENT":
            more, oldest = await self._temporal.queue_backlog(looked.project.task_queue_name)
            count, age = count + more, max(age, oldest)
        is_much = count > settings.backlog_count or age.total_seconds() > settings.backlog_age
        if is_much:
            by, cool_down = 1, timedelta(seconds=settings.more_after)
        elif not count and version.extra:
            by, cool_down = -1, timedelta(seconds=settings.fewer_after)
        else:
            return
        async with self._means.fenced(keeper.grant) as held:
            is_done = await held.versions.scale(key.project_id, key.hash, by, cool_down)
        if is_done:
            self._supervisor.poke()
            log.info(
                "A version has another number of slots.",
                action="version.scaled",
                project_id=str(key.project_id),
                by=by,
                waiting=count,
                oldest_s=round(age.total_seconds(), 1),
            )

    async def _wake_if_needed(self, row: SleepingRow) -> None:
        count, _ = await self._temporal.backlog(row.project_id, row.queue, row.hashes)
        if count and await wake(self._means.storage, row.tenant, row.project_id):
            log.info(
                "A project was woken: there is work for it.",
                action="project.woken",
                project_id=str(row.project_id),
                waiting=count,
            )

    async def _drained(
        self, tenant: str, project_id: UUID, bundle_hash: str, *, may_delete: bool
    ) -> None:
        """Take back what was said too early; else have Temporal forget the version at last."""
        if await self._temporal.open_executions(project_id, bundle_hash):
            async with self._means.storage.transaction(tenant) as connection:
                await Versions(connection, tenant).becomes(
                    project_id, bundle_hash, "DRAINED", "DRAINING"
                )
            self._supervisor.poke()
        elif may_delete and await self._temporal.delete(project_id, bundle_hash):
            async with self._means.storage.transaction(tenant) as connection:
                await Versions(connection, tenant).deleted(project_id, bundle_hash)
