"""Runs are taken to be looked at, once each, ever less often; what is done to them is guarded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from alga_workflows_core.storage.across_tenants import FoundRun
from alga_workflows_core.storage.open_runs import LAST_SEQ, RestoredRun, RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus, StepStatus
from tests.core.storage.rows import CLOSED, NEW_RUN, STEP

OPEN = sorted(set(RunStatus) - FINAL_RUN_STATES - {RunStatus.QUEUED, RunStatus.STARTING})
MINUTE = timedelta(minutes=1)
FAILED = RunEnding(status=RunStatus.FAILED, error={"code": "TERMINATED"})


async def applied(storage: Storage, tenant: str, status: RunStatus, **changes: Any) -> UUID:
    """A run of which facts say that it is in `status`."""
    change = replace(CLOSED, id=uuid4(), status=status, seq=3, closed_at=None)
    async with storage.unit_of_work(tenant) as work:
        await work.runs.apply(replace(change, **changes))
    return changes.get("id", change.id)


async def row(storage: Storage, tenant: str, run_id: UUID) -> RunRow:
    async with storage.unit_of_work(tenant) as work:
        run = await work.runs.get(run_id)
    assert run is not None
    return run


async def execute(storage: Storage, statement: str, **parameters: Any) -> None:
    async with storage.database.engine.begin() as connection:
        await connection.execute(text(statement), parameters)


async def claim(
    storage: Storage, *, unchanged: timedelta = timedelta(0), at_most: int = 100
) -> list[tuple[str, UUID, bool]]:
    return await storage.across.claim_reconciling(
        at_most, namespace="here", unchanged=unchanged, longest=timedelta(minutes=15)
    )


async def due_in(storage: Storage, run_id: UUID) -> float:
    """In how many seconds the run's turn comes."""
    async with storage.database.connect() as connection:
        return await connection.scalar(
            text(
                "SELECT extract(epoch FROM reconcile_due_at - clock_timestamp())::float8"
                " FROM workflow_runs WHERE id = :id"
            ),
            {"id": run_id},
        )


async def age(storage: Storage, seconds: int) -> None:
    """Let all rows be older than they are, and due."""
    # The trigger would take a change of updated_at for a change of the run.
    async with storage.database.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(
            text(
                "UPDATE workflow_runs SET reconcile_due_at = clock_timestamp(),"
                " updated_at = clock_timestamp() - make_interval(secs => :seconds)"
            ),
            {"seconds": seconds},
        )


async def test_open_runs_of_every_tenant_have_their_turn(storage: Storage) -> None:
    """Those that Temporal should have; not queued ones, which a starter takes, nor ended ones."""
    wanted = {await applied(storage, f"tenant{n}", status) for n, status in enumerate(OPEN)}
    for status in FINAL_RUN_STATES:
        await applied(storage, "acme", status)
    async with storage.unit_of_work("acme") as work:
        await work.runs.add(replace(NEW_RUN, id=uuid4()))
    assert {run_id for _, run_id, look in await claim(storage) if look} == wanted


async def test_what_has_changed_a_moment_ago_is_left_until_it_has_not(storage: Storage) -> None:
    """It is taken without being looked at, and its turn is when it has been so for long enough."""
    run_id = await applied(storage, "acme", RunStatus.RUNNING)
    assert await claim(storage, unchanged=MINUTE) == [("acme", run_id, False)]
    assert 50 < await due_in(storage, run_id) <= 60
    assert await claim(storage, unchanged=MINUTE) == []


async def test_the_longer_a_run_does_not_change_the_less_often_it_is_looked_at(
    storage: Storage,
) -> None:
    """Twice as long each time, up to the longest; a change starts it anew."""
    run_id = await applied(storage, "acme", RunStatus.WAITING)
    for minutes in (1, 2, 4, 8, 15, 15):
        await age(storage, 3600)
        assert await claim(storage, unchanged=MINUTE) == [("acme", run_id, True)]
        assert minutes * 60 - 10 < await due_in(storage, run_id) <= minutes * 60
    await applied(storage, "acme", RunStatus.RUNNING, id=run_id, seq=4)
    assert await due_in(storage, run_id) <= 0
    await age(storage, 3600)
    assert await claim(storage, unchanged=MINUTE) == [("acme", run_id, True)]
    assert await due_in(storage, run_id) <= 60


async def test_a_change_of_a_run_that_was_never_looked_at_moves_nothing(storage: Storage) -> None:
    """Batches of rows do not write the index that the reconciler finds runs by."""
    run_id = await applied(storage, "acme", RunStatus.RUNNING)
    before = await due_in(storage, run_id)
    await applied(storage, "acme", RunStatus.RUNNING, id=run_id, seq=4)
    assert await due_in(storage, run_id) < before


async def test_a_run_of_another_namespace_is_never_taken(storage: Storage) -> None:
    """One that says where it runs; a run that does not is anybody's."""
    elsewhere = await applied(storage, "acme", RunStatus.RUNNING)
    here = await applied(storage, "acme", RunStatus.RUNNING)
    anybodys = await applied(storage, "acme", RunStatus.RUNNING)
    for run_id, namespace in ((elsewhere, "elsewhere"), (here, "here")):
        await execute(
            storage,
            "UPDATE workflow_runs SET temporal_namespace = :namespace WHERE id = :id",
            namespace=namespace,
            id=run_id,
        )
    assert {run_id for _, run_id, _ in await claim(storage)} == {here, anybodys}


async def test_two_who_take_runs_at_once_get_different_ones(storage: Storage) -> None:
    """While one claim is not committed, another one takes what is left and does not wait."""
    runs = {await applied(storage, "acme", RunStatus.RUNNING) for _ in range(6)}
    query = text(
        "SELECT run_id FROM alga_claim_reconciling(3, 'here', interval '1us', interval '1h')"
    )
    async with asyncio.timeout(10), storage.database.engine.begin() as connection:
        first = set((await connection.execute(query)).scalars())
        second = {run_id for _, run_id, _ in await claim(storage)}
    assert len(first) == len(second) == 3
    assert first | second == runs


async def test_one_turn_to_sweep_in_an_interval(storage: Storage) -> None:
    """Whoever asks; namespaces have turns of their own, and each knows when the last one was."""
    asked = await asyncio.gather(*(storage.across.claim_sweep("here", MINUTE) for _ in range(5)))
    [turn] = [turn for turn in asked if turn is not None]
    assert turn.swept_until is None
    assert await storage.across.claim_sweep("elsewhere", MINUTE) is not None
    await storage.across.end_sweep("here", turn)
    assert await storage.across.claim_sweep("here", MINUTE) is None
    await execute(storage, "UPDATE alga_sweeps SET due_at = clock_timestamp()")
    again = await storage.across.claim_sweep("here", MINUTE)
    assert again is not None
    assert again.swept_until == turn.began_at
    # A turn that was overtaken does not take the time back.
    await storage.across.end_sweep("here", again)
    await storage.across.end_sweep("here", turn)
    await execute(storage, "UPDATE alga_sweeps SET due_at = clock_timestamp()")
    last = await storage.across.claim_sweep("here", MINUTE)
    assert last is not None
    assert last.swept_until == again.began_at


async def test_runs_are_found_in_whatever_tenant(storage: Storage) -> None:
    """With whether they are open; what has no row is not among them."""
    mine = await applied(storage, "acme", RunStatus.WAITING)
    theirs = await applied(storage, "globex", RunStatus.FAILED)
    found = await storage.across.find_runs([mine, theirs, uuid4()])
    assert sorted(found, key=lambda run: run.tenant) == [
        FoundRun("acme", mine, True),
        FoundRun("globex", theirs, False),
    ]
    assert await storage.across.find_runs([]) == []


async def test_a_run_is_closed_only_as_it_was_seen(storage: Storage) -> None:
    """Another state, epoch or seq since, and nothing is changed."""
    run_id = await applied(storage, "acme", RunStatus.RUNNING)
    seen = await row(storage, "acme", run_id)
    for other in (
        replace(seen, status=RunStatus.WAITING),
        replace(seen, epoch=1),
        replace(seen, seq=2),
    ):
        async with storage.unit_of_work("acme") as work:
            assert not await work.open_runs.close(other, FAILED)
        assert await row(storage, "acme", run_id) == seen
    async with storage.unit_of_work("acme") as work:
        assert await work.open_runs.close(seen, FAILED)
        assert not await work.open_runs.close(seen, FAILED)
    closed = await row(storage, "acme", run_id)
    assert (closed.status, closed.error) == (RunStatus.FAILED, {"code": "TERMINATED"})
    assert closed.closed_at is not None


async def test_facts_that_come_after_the_close_change_nothing(storage: Storage) -> None:
    """Neither the run nor a step that was ended with it; but a new epoch does."""
    run_id = await applied(storage, "acme", RunStatus.RUNNING)
    running = replace(STEP, status=StepStatus.RUNNING, finished_at=None)
    async with storage.unit_of_work("acme") as work:
        await work.steps.apply(run_id, [running, replace(STEP, path="done")])
    seen = await row(storage, "acme", run_id)
    async with storage.unit_of_work("acme") as work:
        await work.open_runs.close(seen, FAILED)
        assert await work.steps.close_open(run_id, {"code": "RUN_ENDED"}, seq=LAST_SEQ) == 1
    closed = await row(storage, "acme", run_id)
    await applied(storage, "acme", RunStatus.WAITING, id=run_id, seq=4)
    async with storage.unit_of_work("acme") as work:
        await work.steps.apply(run_id, [replace(STEP, seq=5)])
        steps = {step.path: step for step in await work.steps.list(run_id, after=None, limit=9)}
    assert await row(storage, "acme", run_id) == closed
    assert steps["done"].status is StepStatus.SUCCEEDED
    assert (steps["call"].status, steps["call"].error) == (
        StepStatus.CANCELED,
        {"code": "RUN_ENDED"},
    )
    await applied(storage, "acme", RunStatus.RUNNING, id=run_id, epoch=1, seq=1)
    assert (await row(storage, "acme", run_id)).status is RunStatus.RUNNING


async def test_a_lost_row_is_made_once_and_any_fact_is_newer(storage: Storage) -> None:
    """One that is there stays as it is."""
    lost = RestoredRun(
        id=uuid4(),
        definition_id="triage",
        version=2,
        trigger_type="api",
        execution_key="key",
        created_by="test",
        epoch=0,
        payload={"a": 1},
        temporal_run_id="execution",
        temporal_namespace="here",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        started_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    async with storage.unit_of_work("acme") as work:
        made = await work.open_runs.restore(lost)
        assert await work.open_runs.restore(replace(lost, payload={})) is None
    assert made is not None
    assert (made.status, made.payload, made.created_at) == (
        RunStatus.RUNNING,
        {"a": 1},
        lost.created_at,
    )
    await applied(storage, "acme", RunStatus.SUCCEEDED, id=lost.id, seq=1)
    assert (await row(storage, "acme", lost.id)).status is RunStatus.SUCCEEDED


async def test_what_is_asked_of_a_run_that_is_being_started_reaches_its_starter(
    storage: Storage,
) -> None:
    """The first request stays; it is there until it was done."""
    run_id = uuid4()
    async with storage.unit_of_work("acme") as work:
        await work.runs.add(replace(NEW_RUN, id=run_id))
        assert await work.open_runs.begin_start(run_id, "here") is None
    await storage.across.claim_run_starts(1, MINUTE)
    async with storage.unit_of_work("acme") as work:
        seen = await work.open_runs.begin_start(run_id, "here")
        assert seen is not None
        assert await work.open_runs.confirm_start(seen, "execution", MINUTE) is None
        assert await work.open_runs.request_stop(seen, {"do": "cancel"})
        assert await work.open_runs.request_stop(seen, {"do": "terminate"})
        assert await work.open_runs.confirm_start(seen, "execution", MINUTE) == {"do": "cancel"}
        await work.open_runs.forget_stop(run_id, 0)
        assert await work.open_runs.confirm_start(seen, "execution", MINUTE) is None
    assert (await row(storage, "acme", run_id)).temporal_run_id == "execution"


@pytest.mark.parametrize("due_in_seconds", [3600, -1])
async def test_a_start_that_is_due_already_is_not_made_due(
    storage: Storage, due_in_seconds: int
) -> None:
    """Whether something had to be done is told."""
    run_id = uuid4()
    async with storage.unit_of_work("acme") as work:
        await work.runs.add(replace(NEW_RUN, id=run_id))
    await storage.across.claim_run_starts(1, timedelta(seconds=due_in_seconds))
    seen = await row(storage, "acme", run_id)
    async with storage.unit_of_work("acme") as work:
        assert await work.open_runs.start_again(seen) is (due_in_seconds > 0)
    assert await storage.across.claim_run_starts(1, MINUTE) == [("acme", run_id)]
