"""Two supervisors on one Temporal: who has more than its share leaves some to the other."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.storage.instances import InstanceHistory
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.supervision.conftest import placed
from tests.domain.supervision.waiting import code, eventually, known
from tests.domain.supervision.world import TENANT, project

PROJECTS = 6
# Held by one that should leave it to another, which has two projects fewer at least.
_TO_YIELD = """
    SELECT count(*) FROM worker_slots s
    JOIN supervisors mine ON mine.holder = s.holder
    JOIN supervisors other ON other.holder = preferred_supervisor(s.project_id, s.number)
    WHERE other.holder <> s.holder AND other.projects + 1 < mine.projects
"""
_HOLDERS = """
    SELECT s.holder FROM worker_slots s WHERE EXISTS (
        SELECT FROM worker_instances i WHERE (i.project_id, i.hash, i.slot, i.epoch, i.state)
            = (s.project_id, s.hash, s.number, s.epoch, 'ready'))
"""
_SUPERVISORS = "SELECT holder FROM supervisors"
_PREFERRED = "SELECT preferred_supervisor(project_id, number) FROM worker_slots"


async def column(storage: DomainStorage, query: str) -> list[str]:
    """The first column of its rows."""
    async with storage.transaction(TENANT) as connection:
        await connection.exec_driver_sql("RESET ROLE")  # tenants do not see supervisors
        return [row[0] for row in await connection.exec_driver_sql(query)]


async def test_a_second_supervisor_gets_its_share(
    domain_storage: DomainStorage,
    domain_settings: DatabaseSettings,
    projects_client: Client,
    processes: Launcher,
) -> None:
    """Of what it is preferred for, one slot after the other: nothing is fenced, and executions
    that have begun before go on."""
    of = (domain_storage, domain_settings, projects_client, processes)
    async with placed(*of) as first:
        projects = [await project(domain_storage, code("one")) for _ in range(PROJECTS)]
        await asyncio.gather(*(known(first, one) for one in projects))
        runs = [await first.start(one) for one in projects]
        for run in runs:
            await run.query("__stack_trace")
        (holder,) = await column(domain_storage, _SUPERVISORS)
        async with placed(*of):

            async def is_shared() -> bool:
                supervisors = await column(domain_storage, _SUPERVISORS)
                counts = await column(domain_storage, "SELECT projects FROM supervisors")
                holders = await column(domain_storage, _HOLDERS)
                to_yield = await column(domain_storage, _TO_YIELD)
                return (
                    len(supervisors) == 2
                    and len(holders) == sum(map(int, counts)) == PROJECTS
                    and to_yield == [0]
                )

            await eventually(is_shared)
            is_preferred = set(await column(domain_storage, _PREFERRED)) != {holder}
            has_some = set(await column(domain_storage, _HOLDERS)) != {holder}
            assert has_some is is_preferred
            assert await asyncio.gather(*(first.let(run) for run in runs)) == ["one"] * PROJECTS
            async with domain_storage.transaction(TENANT) as connection:
                history = InstanceHistory(connection, TENANT)
                rows = [row for one in projects for row in await history.page(one, None, 10)]
    assert {row.state for row in rows} <= {"ready", "stopped"}
    assert {row.exit_kind for row in rows if row.state == "stopped"} <= {"wanted"}
