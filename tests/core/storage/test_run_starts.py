"""Starts of runs are claimed across tenants, once per lease, the longest due first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from alga_workflows_core.storage.runs import RunChange, RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import RunStatus
from tests.core.storage.rows import CLOSED, NEW_RUN

LEASE = timedelta(hours=1)


async def launch(
    storage: Storage, tenant: str, *, due_in: int = -60, run_id: UUID | None = None
) -> UUID:
    """A queued run that is to be started in `due_in` seconds of the database's clock."""
    run_id = run_id or uuid4()
    async with storage.unit_of_work(tenant) as work:
        await work.runs.add(replace(NEW_RUN, id=run_id))
    await execute(
        storage,
        "UPDATE workflow_runs SET start_due_at = clock_timestamp() + make_interval(secs => :due)"
        " WHERE id = :id",
        due=due_in,
        id=run_id,
    )
    return run_id


async def execute(storage: Storage, statement: str, **parameters: Any) -> None:
    """A statement as superuser, to make a state of affairs."""
    async with storage.database.engine.begin() as connection:
        await connection.execute(text(statement), parameters)


async def due_at(storage: Storage, run_id: UUID) -> Any:
    """When the start of a run is due."""
    async with storage.database.connect() as connection:
        return await connection.scalar(
            text("SELECT start_due_at FROM workflow_runs WHERE id = :id"), {"id": run_id}
        )


async def row(storage: Storage, tenant: str, run_id: UUID) -> RunRow:
    """The run as its tenant sees it."""
    async with storage.unit_of_work(tenant) as work:
        run = await work.runs.get(run_id)
    assert run is not None
    return run


async def test_what_is_due_is_claimed_for_every_tenant_in_order_of_due_time(
    storage: Storage,
) -> None:
    """At most as many as asked for, the longest due first; the rows are STARTING afterwards."""
    first, second, later = (UUID(int=number) for number in (3, 2, 1))
    await launch(storage, "globex", due_in=-10, run_id=later)
    await launch(storage, "acme", due_in=-30, run_id=first)
    await launch(storage, "globex", due_in=-20, run_id=second)
    assert await storage.across.claim_run_starts(2, LEASE) == [("acme", first), ("globex", second)]
    assert await storage.across.claim_run_starts(2, LEASE) == [("globex", later)]
    claimed = await row(storage, "acme", first)
    assert (claimed.status, claimed.start_attempts) == (RunStatus.STARTING, 1)


async def test_what_is_not_due_is_left(storage: Storage) -> None:
    """Neither a run that is queued for later, nor one that has been claimed just now."""
    await launch(storage, "acme", due_in=60)
    due = await launch(storage, "acme")
    assert await storage.across.claim_run_starts(10, LEASE) == [("acme", due)]
    assert await storage.across.claim_run_starts(10, LEASE) == []


async def test_a_run_that_has_started_or_ended_is_never_claimed(storage: Storage) -> None:
    """Only QUEUED and STARTING runs are, however old their due time is."""
    for status in set(RunStatus) - {RunStatus.QUEUED, RunStatus.STARTING}:
        async with storage.unit_of_work("acme") as work:
            await work.runs.apply(facts_of(uuid4(), status))
    await execute(storage, "UPDATE workflow_runs SET start_due_at = '2020-01-01Z'")
    assert await storage.across.claim_run_starts(100, LEASE) == []


async def test_a_claim_is_due_again_when_its_lease_is_over(storage: Storage) -> None:
    """A claimer that died does not keep its run; attempts are counted."""
    run_id = await launch(storage, "acme")
    for attempt in (1, 2, 3):
        assert await storage.across.claim_run_starts(10, timedelta(0)) == [("acme", run_id)]
        assert (await row(storage, "acme", run_id)).start_attempts == attempt


async def test_two_claimers_at_the_same_time_get_different_runs(storage: Storage) -> None:
    """While one claim is not committed, another one takes what is left and does not wait."""
    runs = {await launch(storage, "acme", due_in=-due) for due in range(1, 7)}
    claim = text("SELECT run_id FROM alga_claim_run_starts(3, interval '1 hour')")
    async with asyncio.timeout(10), storage.database.engine.begin() as connection:
        first = set((await connection.execute(claim)).scalars())
        second = {run_id for _, run_id in await storage.across.claim_run_starts(10, LEASE)}
    assert len(first) == len(second) == 3
    assert first | second == runs


async def test_many_claimers_share_the_work(storage: Storage) -> None:
    """Every run is claimed exactly once, whoever is quicker."""
    runs = [await launch(storage, f"tenant{number % 3}") for number in range(30)]

    async def take_all() -> list[UUID]:
        taken: list[UUID] = []
        while claimed := await storage.across.claim_run_starts(4, LEASE):
            taken += [run_id for _, run_id in claimed]
        return taken

    taken = await asyncio.gather(*(take_all() for _ in range(5)))
    assert sorted(run_id for some in taken for run_id in some) == sorted(runs)


async def test_a_postponed_start_is_due_when_it_was_said(storage: Storage) -> None:
    """Fractions of a second count, and a postponed run is STARTING until it is claimed again."""
    run_id = await launch(storage, "acme")
    await storage.across.claim_run_starts(1, LEASE)
    async with storage.unit_of_work("acme") as work:
        await work.runs.postpone_start(run_id, 3600.0)
    assert await storage.across.claim_run_starts(1, LEASE) == []
    async with storage.unit_of_work("acme") as work:
        await work.runs.postpone_start(run_id, -0.5)
    assert await storage.across.claim_run_starts(1, LEASE) == [("acme", run_id)]


async def test_only_a_run_that_is_starting_is_postponed(storage: Storage) -> None:
    """A claimer that comes too late does nothing to a run that is queued, runs or has ended."""
    others: dict[UUID, RunStatus] = {await launch(storage, "acme"): RunStatus.QUEUED}
    for status in set(RunStatus) - {RunStatus.QUEUED, RunStatus.STARTING}:
        change = facts_of(uuid4(), status)
        others[change.id] = status
        async with storage.unit_of_work("acme") as work:
            await work.runs.apply(change)
    for run_id, status in others.items():
        before = await row(storage, "acme", run_id), await due_at(storage, run_id)
        async with storage.unit_of_work("acme") as work:
            await work.runs.postpone_start(run_id, 3600)
        after = await row(storage, "acme", run_id), await due_at(storage, run_id)
        assert after == before, status


def facts_of(run_id: UUID, status: RunStatus) -> RunChange:
    """What facts say of a run that is in `status`."""
    return replace(CLOSED, id=run_id, status=status, seq=3, started_at=None, closed_at=None)
