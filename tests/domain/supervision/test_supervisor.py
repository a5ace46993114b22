"""Each held slot has the process that is wanted, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest_asyncio

from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.projects.supervision.supervisor import ProjectSupervisor
from alga_temporal_domain.storage.instances import InstanceHistory, InstanceRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.supervision.sleepers import Sleepers, end
from tests.domain.supervision.supervising import means, supervised
from tests.domain.supervision.world import TENANT, activate, bundle, project, wish

SETTINGS = SupervisionSettings(ttl=4.0, tick=0.5, margin=1.0)
GOOD = bundle("good")


@pytest_asyncio.fixture
async def supervisor(
    domain_storage: DomainStorage, domain_settings: DatabaseSettings, tmp_path: Path
) -> AsyncGenerator[ProjectSupervisor]:
    """One at work."""
    of = means(domain_storage, SETTINGS, Sleepers(tmp_path))
    async with supervised(of, domain_settings) as running:
        yield running


async def instances(storage: DomainStorage, project_id: UUID) -> list[InstanceRow]:
    """The processes of a project, the oldest first."""
    async with storage.transaction(TENANT) as connection:
        return (await InstanceHistory(connection, TENANT).page(project_id, None, 100))[::-1]


async def version(storage: DomainStorage, project_id: UUID) -> VersionRow:
    """What changed last."""
    async with storage.transaction(TENANT) as connection:
        return (await Versions(connection, TENANT).of_project(project_id))[0]


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it, ten seconds at most."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - the rows tell nobody
            await asyncio.sleep(0.02)


async def states(storage: DomainStorage, project_id: UUID, *wanted: str) -> list[InstanceRow]:
    """The rows, once their states are these."""

    async def are() -> bool:
        return [row.state for row in await instances(storage, project_id)] == list(wanted)

    try:
        await eventually(are)
    except TimeoutError:
        found = await instances(storage, project_id)
        raise AssertionError([(row.state, row.reason, row.epoch) for row in found]) from None
    return await instances(storage, project_id)


async def test_start_and_stop(domain_storage: DomainStorage, supervisor: ProjectSupervisor) -> None:
    """A process per slot while it is wanted; hints make it quick."""
    project_id = await project(domain_storage, GOOD, slots=2)
    rows = await states(domain_storage, project_id, "ready", "ready")
    assert {row.slot for row in rows} == {0, 1}
    assert all(row.pid and row.ready_at for row in rows)
    await wish(domain_storage, project_id, "STOPPED")
    rows = await states(domain_storage, project_id, "stopped", "stopped")
    assert all(row.stopped_at and row.exit_kind == "wanted" for row in rows)


async def test_a_restart_is_no_outage(
    domain_storage: DomainStorage, supervisor: ProjectSupervisor
) -> None:
    """The new process is ready before the old one stops."""
    project_id = await project(domain_storage, GOOD)
    await states(domain_storage, project_id, "ready")
    await wish(domain_storage, project_id, "RUNNING", restart=True)
    old, new = await states(domain_storage, project_id, "stopped", "ready")
    assert old.stopped_at is not None
    assert new.ready_at is not None
    assert new.ready_at < old.stopped_at
    assert (old.epoch, old.generation, new.epoch, new.generation) == (1, 0, 1, 1)


async def test_what_was_killed_comes_back(
    domain_storage: DomainStorage, supervisor: ProjectSupervisor
) -> None:
    """After a moment, in the same slot."""
    project_id = await project(domain_storage, GOOD)
    (row,) = await states(domain_storage, project_id, "ready")
    assert row.pid is not None
    end(row.pid)
    crashed, again = await states(domain_storage, project_id, "crashed", "ready")
    assert crashed.reason == "status -9"
    assert again.pid != row.pid
    assert (await version(domain_storage, project_id)).crashes == 1


async def test_a_crash_loop_is_quarantined(
    domain_storage: DomainStorage, supervisor: ProjectSupervisor
) -> None:
    """After five crashes, with the reason; others notice nothing, and a restart tries again."""
    broken = await project(domain_storage, bundle("crash"))
    fine = await project(domain_storage, GOOD)
    await states(domain_storage, broken, *["crashed"] * 4, "quarantined")
    row = await version(domain_storage, broken)
    assert row.quarantined_at is not None
    assert row.reason == "5 crashes in 0:10:00; the last: status 1"
    await states(domain_storage, fine, "ready")
    await wish(domain_storage, broken, "RUNNING", restart=True)
    await states(domain_storage, broken, *(["crashed"] * 4 + ["quarantined"]) * 2)


async def test_a_bad_bundle_is_never_retried(
    domain_storage: DomainStorage, supervisor: ProjectSupervisor
) -> None:
    """Until there is another one."""
    project_id = await project(domain_storage, bundle("bad"))
    await states(domain_storage, project_id, "quarantined")
    await activate(domain_storage, project_id, GOOD)
    rows = await states(domain_storage, project_id, "quarantined", "ready")
    assert rows[1].hash == GOOD.hash


async def test_who_does_not_get_ready_holds_up_nobody(
    domain_storage: DomainStorage, domain_settings: DatabaseSettings, tmp_path: Path
) -> None:
    """Places for starting processes are left after some seconds, though the start goes on."""
    narrow = SETTINGS.model_copy(update={"starts_at_once": 1, "start_timeout": 8.0})
    async with supervised(means(domain_storage, narrow, Sleepers(tmp_path)), domain_settings):
        slow = await project(domain_storage, bundle("slow"))
        await states(domain_storage, slow, "starting")
        fine = await project(domain_storage, GOOD)
        await states(domain_storage, fine, "ready")
        await states(domain_storage, slow, "starting")
        await wish(domain_storage, slow, "STOPPED")


async def test_versions_run_side_by_side(
    domain_storage: DomainStorage, supervisor: ProjectSupervisor
) -> None:
    """The old one stays for what has begun with it."""
    project_id = await project(domain_storage, GOOD)
    await states(domain_storage, project_id, "ready")
    await activate(domain_storage, project_id, bundle("better"))
    rows = await states(domain_storage, project_id, "ready", "ready")
    assert len({row.hash for row in rows}) == 2


async def test_one_that_leaves_is_followed_at_once(
    domain_storage: DomainStorage, domain_settings: DatabaseSettings, tmp_path: Path
) -> None:
    """Its processes end, its slots are free, and another one has them before the lease is over."""
    first, second = (means(domain_storage, SETTINGS, Sleepers(tmp_path)) for _ in range(2))
    async with supervised(first, domain_settings):
        projects = [await project(domain_storage, GOOD) for _ in range(4)]
        for project_id in projects:
            await states(domain_storage, project_id, "ready")
    began = asyncio.get_running_loop().time()
    async with supervised(second, domain_settings):
        for project_id in projects:
            rows = await states(domain_storage, project_id, "stopped", "ready")
            assert [row.epoch for row in rows] == [1, 2]
    assert asyncio.get_running_loop().time() - began < SETTINGS.ttl
