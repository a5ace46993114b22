"""Rows say what Temporal says, whatever happens to PostgreSQL, workers and other processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from temporalio.client import Client

from alga_temporal_domain.jobs.performing import SUSPENDED
from alga_temporal_domain.storage.jobs import JobFilter, JobRef
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from tests.domain.jobs.handlers import Stage
from tests.domain.jobs.world import FINAL, TENANT, JobWorld, job_world, until


@asynccontextmanager
async def outage(server: PostgresServer, environ: dict[str, str]) -> AsyncGenerator[None]:
    """The database takes no connections, and those that it has are cut."""
    name = environ["DATABASE_URL"].rpartition("/")[2].partition("?")[0]
    admin = await psycopg.AsyncConnection.connect(server.url("postgres"), autocommit=True)
    async with admin:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        await admin.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
        try:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            await admin.execute(allow.format(sql.Identifier(name), sql.Literal(True)))


async def test_a_burst_ends_truthfully(
    job_client: Client, replica_client: Client, job_storage: DomainStorage, stage: Stage
) -> None:
    """200 jobs at once on two replicas, half of which fail: each row equals Temporal's own view."""
    async with (
        job_world(job_client, job_storage, stage.jobs()) as world,
        job_world(replica_client, job_storage, stage.jobs()),
    ):
        jobs = await asyncio.gather(
            *(world.enqueue("halves", {"number": number}) for number in range(200))
        )
        wanted = {job.id for job in jobs}

        async def all_ended() -> bool:
            rows = await world.family.desk.page(TENANT, JobFilter(name="halves"), None, 500)
            return {row.id for row in rows if row.state in FINAL} >= wanted

        await until(all_ended, "all have ended", 60)
        rows = await world.family.desk.page(TENANT, JobFilter(name="halves"), None, 500)
        assert Counter(row.state for row in rows) == {"SUCCEEDED": 100, "FAILED": 100}
        numbers = {job.id: number for number, job in enumerate(jobs)}
        assert all(await asyncio.gather(*map(world.agrees, rows)))
        for row in rows:
            number = numbers[row.id]
            if number % 2:
                assert (row.error_type, row.error_message) == ("ValueError", f"{number} is odd")
            else:
                assert row.state == "SUCCEEDED"
        assert await world.family.desk.result(TENANT, jobs[198].id) == 99


async def test_work_goes_on_while_postgresql_is_away(
    job_client: Client,
    job_storage: DomainStorage,
    job_environ: dict[str, str],
    postgres_server: PostgresServer,
    stage: Stage,
) -> None:
    """Jobs are enqueued and end without a single row; the rows become true afterwards."""
    async with job_world(job_client, job_storage, stage.jobs()) as world:
        async with outage(postgres_server, job_environ):
            with pytest.raises(UnavailableError):
                await job_storage.database.ping()
            good = await world.enqueue("flaky", {"number": 2})
            bad = await world.enqueue("halves", {"number": 7})
            big = await world.enqueue("large", {"number": 200_000})
            assert await world.handle(good).result() is not None

            async def both_ended() -> bool:
                return [await world.status(job) for job in (bad, big)] == ["FAILED", "COMPLETED"]

            await until(both_ended, "the others have ended too")
        for job, state in ((good, "SUCCEEDED"), (bad, "FAILED"), (big, "SUCCEEDED")):
            row = await world.ended(job.id)
            assert row.state == state
            assert await world.agrees(row)
        assert await world.family.desk.result(TENANT, good.id) == "attempt 2"
        assert len(await world.family.desk.result(TENANT, big.id)) == 200_000


async def test_jobs_that_nobody_could_write_down_are_found(
    job_client: Client,
    job_storage: DomainStorage,
    job_environ: dict[str, str],
    postgres_server: PostgresServer,
    stage: Stage,
) -> None:
    """The process that knew of them died with PostgreSQL away: Temporal's list tells another."""
    async with (
        outage(postgres_server, job_environ),
        job_world(job_client, job_storage, stage.jobs()) as dying,
    ):
        lost = await dying.enqueue("halves", {"number": 4})
        await dying.handle(lost).result()
    async with job_world(job_client, job_storage, [], has_worker=False) as other:

        async def is_found() -> bool:
            await other.family.finding.find()
            page = await other.family.desk.page(TENANT, JobFilter(), None, 100)
            return lost.id in {row.id for row in page}

        await until(is_found, "the job is found")
        row = await other.ended(lost.id)
        assert (row.state, row.name, row.actor) == ("SUCCEEDED", "halves", "test")
        assert await other.family.desk.result(TENANT, lost.id) == 2


async def test_what_comes_late_does_not_undo_an_end(world: JobWorld) -> None:
    """A row that has ended stays so, and settles once."""
    job = await world.enqueue("halves", {"number": 2})
    row = await world.ended(job.id)
    async with world.storage.unit_of_work(TENANT) as work:
        await work.jobs.started(job.id, attempt=9, at=row.created_at)
        await work.jobs.progress(job.id, attempt=9, progress=0.1, message="late")
        await work.jobs.look_now(job.id)
    assert await world.row(job.id) == row


async def test_a_run_that_temporal_does_not_know_is_lost(world: JobWorld) -> None:
    """Nobody claims to know how it has ended."""
    ref = JobRef(
        tenant=TENANT,
        id=uuid4(),
        name="halves",
        workflow_id="job-halves-nowhere",
        run_id=str(uuid4()),
        created_at=datetime.now(UTC),
    )
    async with world.storage.unit_of_work(TENANT) as work:
        await work.jobs.ensure(ref)
    row = await world.ended(ref.id)
    assert (row.state, row.error_type) == ("LOST", "Lost")


class Suspended:
    """Says so of one tenant, and fails for another."""

    async def is_suspended(self, tenant: str) -> bool:
        if tenant == "broken":
            raise RuntimeError("nobody knows")
        return tenant == TENANT


async def test_jobs_of_a_suspended_tenant_are_skipped_visibly(
    temporal_client: Client, domain_storage: DomainStorage, stage: Stage
) -> None:
    """The handler is not called, and both row and result say why."""
    async with job_world(
        temporal_client, domain_storage, stage.jobs(), tenants=Suspended()
    ) as world:
        job = await world.enqueue("waits")
        row = await world.ended(job.id)
        assert (row.state, row.skipped) == ("SKIPPED", SUSPENDED)
        assert str(job.id) not in stage.begun
        assert await world.agrees(row)
        result = await world.handle(job).result()
        assert result["skipped"] == SUSPENDED
