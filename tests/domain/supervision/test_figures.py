"""What workers have done is counted once, and shown under the document's names."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from alga_temporal_domain.projects.durations import BUCKETS, bucket_of, percentile
from alga_temporal_domain.projects.process.statistics import ActivityCounts, Stats
from alga_temporal_domain.projects.supervision.leases import Grant, Leases
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.projects.supervision.statistics import Statistics
from alga_temporal_domain.storage.fenced import fenced
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import Versions
from alga_temporal_domain.storage.worker_logs import MOST_LINES, LogLine, WorkerLogs
from alga_temporal_domain.storage.worker_statistics import (
    ActivityDelta,
    InstanceDelta,
    WorkerStatistics,
)
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.domain.supervision.world import TENANT, bundle, project

HOLDER = "h"
DURATIONS = [3.0, 40.0, 41.0, 500.0, 7000.0] * 20


@pytest_asyncio.fixture
async def grant(domain_storage: DomainStorage) -> AsyncGenerator[Grant]:
    """A slot with the row of a process, whose id is that of the project."""
    await project(domain_storage, bundle())
    (held,) = await Leases(domain_storage, SupervisionSettings(), holder=HOLDER).claim()
    async with fenced(
        domain_storage,
        held.key,
        tenant=TENANT,
        holder=HOLDER,
        epoch=held.epoch,
        patience=timedelta(seconds=2),
    ) as slot:
        await slot.instances.add(held.key.project_id, generation=0, host="here")
    yield held


def counted(durations: list[float], failed: int = 0) -> list[int]:
    """As a histogram."""
    histogram = [0] * BUCKETS
    for one in durations:
        histogram[bucket_of(one)] += 1
    return histogram


def stats(ok: int) -> Stats:
    """A frame of a process."""
    counts = ActivityCounts(ok=ok, sum_ms=10.0 * ok, histogram=counted([10.0] * ok))
    return Stats(
        seconds=5,
        activities={"a": counts},
        workflows={},
        cpu_seconds=0.5,
        rss_mb=30,
        running_activities=0,
        lag_ms=1,
    )


async def view(storage: DomainStorage, name: str) -> dict[str, Any]:
    """The one row of a view of the document."""
    async with storage.transaction(TENANT) as connection:
        statement = f"SELECT * FROM public.{name}"  # noqa: S608 - a name of ours
        return dict((await connection.exec_driver_sql(statement)).mappings().one())


async def test_a_batch_counts_once(domain_storage: DomainStorage, grant: Grant) -> None:
    """However often it is sent; the percentiles of the view are those of the histogram."""
    delta = InstanceDelta(
        id=grant.key.project_id,
        project_id=grant.key.project_id,
        hash=grant.key.hash,
        epoch=grant.epoch,
        holder=HOLDER,
        batch=1,
        cpu_percent=12.5,
        memory_mb=40.0,
        idle=timedelta(seconds=1),
        workflows=2,
        workflow_ms=300.0,
        activities=(
            ActivityDelta(
                activity="a",
                ok=94,
                failed=6,
                sum_ms=sum(DURATIONS),
                histogram=counted(DURATIONS),
            ),
        ),
    )
    for is_new in (True, False):
        async with domain_storage.transaction(TENANT) as connection:
            assert await WorkerStatistics(connection, TENANT).add(delta) is is_new
    row = await view(domain_storage, "activity_statistics")
    assert (row["execution_count"], row["success_count"], row["failure_count"]) == (100, 94, 6)
    assert row["requires_dedicated_worker"]
    for share in (95, 99):
        expected = percentile(counted(DURATIONS), share / 100)
        assert row[f"p{share}_duration_ms"] == pytest.approx(expected, abs=1)
    worker = await view(domain_storage, "workflow_workers")
    assert (worker["status"], worker["total_tasks_completed"]) == ("starting", 94)
    assert worker["memory_usage_mb"] == 40
    async with domain_storage.unit_of_work(TENANT) as work:
        totals = await work.projects.get(grant.key.project_id)
    assert totals is not None
    assert (totals.total_activity_executions, totals.avg_execution_duration_ms) == (100, 150)


async def test_nothing_is_lost_while_rows_cannot_be_written(
    domain_storage: DomainStorage, grant: Grant
) -> None:
    """What comes meanwhile is written with the rest when PostgreSQL is back."""
    nowhere = Database(
        load(DatabaseSettings, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    )
    storage = DomainStorage(nowhere)
    statistics = Statistics(storage, holder=HOLDER)
    statistics.take(grant, grant.key.project_id, stats(3))
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await statistics.write()
        statistics.take(grant, grant.key.project_id, stats(1))
    await nowhere.close()
    storage.database = domain_storage.database
    await statistics.write()
    await statistics.write()
    row = await view(domain_storage, "activity_statistics")
    assert (row["execution_count"], row["avg_duration_ms"]) == (5, 10)
    worker = await view(domain_storage, "workflow_workers")
    assert float(worker["cpu_usage_percent"]) == pytest.approx(10)


async def test_a_project_keeps_its_newest_lines(
    domain_storage: DomainStorage, grant: Grant
) -> None:
    """Two thousand of them."""
    instance, at = uuid4(), datetime.now(UTC)
    async with domain_storage.transaction(TENANT) as connection:
        logs = WorkerLogs(connection, TENANT)
        for begin in (0, MOST_LINES):
            lines = [
                LogLine(instance_id=instance, at=at, stream="stdout", line=str(begin + number))
                for number in range(MOST_LINES - 1)
            ]
            await logs.add(grant.key.project_id, lines)
        kept = await logs.tail(grant.key.project_id, 2 * MOST_LINES)
    assert len(kept) == MOST_LINES
    assert [row.line for row in kept[:2]] == [str(MOST_LINES - 2), str(MOST_LINES)]


async def test_slots_grow_one_at_a_time(domain_storage: DomainStorage, grant: Grant) -> None:
    """Up to the project's most, and only after a while again; the new slots can be claimed."""
    project_id: UUID = grant.key.project_id

    async def scale(by: int, cool_down: float) -> bool:
        async with domain_storage.transaction(TENANT) as connection:
            return await Versions(connection, TENANT).scale(
                project_id, grant.key.hash, by, timedelta(seconds=cool_down)
            )

    assert not await scale(-1, 0)
    assert await scale(1, 60)
    assert not await scale(1, 60)
    assert [await scale(1, 0) for _ in range(3)] == [True, True, False]
    more = await Leases(domain_storage, SupervisionSettings(), holder=HOLDER).claim()
    assert {one.key.number for one in more} == {1, 2, 3}
    assert await scale(-1, 0)
