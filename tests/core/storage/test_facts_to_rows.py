"""Facts become the same rows in whatever order, and however often, their batches are written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alga_workflows_core.interpreter.facts import (
    Fact,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from alga_workflows_core.runs.projection import Projection, project
from alga_workflows_core.storage.runs import NewRun, RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal import wire
from alga_workflows_core.temporal.wire import RunIdentity
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus, StepStatus

TENANT = "acme"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = [status for status in StepStatus if status is not StepStatus.RUNNING]


@dataclass(frozen=True)
class Batch:
    """Facts of one epoch that are written together."""

    epoch: int
    facts: tuple[Fact, ...]

    def rows(self, run_id: UUID) -> Projection:
        """What is written of it for a run."""
        identity = RunIdentity(
            run_id=run_id,
            tenant_id=TENANT,
            workflow_id="triage",
            workflow_version=self.epoch + 1,  # a retry may run on a newer version
            trigger_type="api",
            execution_key="key",
            epoch=self.epoch,
            created_by="test",
        )
        status = next(
            (fact.status for fact in self.facts if isinstance(fact, RunFinished)), RunStatus.RUNNING
        )
        batch = wire.Batch(seq=self.facts[-1].seq, status=status, facts=list(self.facts))
        return project(identity, f"execution {self.epoch}", batch)


@st.composite
def epochs(draw: st.DrawFn, epoch: int) -> tuple[Fact, ...]:
    """All facts of one epoch: a beginning, steps one after the other, perhaps an end."""
    facts: list[Fact] = []

    def at() -> dict[str, Any]:
        number = len(facts) + 1
        return {"seq": number, "at": BEGAN + timedelta(days=epoch, seconds=number)}

    facts.append(RunStarted(**at(), payload={"epoch": epoch}))
    for index in range(draw(st.integers(0, 3))):
        common: dict[str, Any] = {
            "path": f"step{index}",
            "step_id": f"step{index}",
            "type": draw(st.sampled_from(["action.call", "transform.assign"])),
            "name": draw(st.sampled_from([None, "A name"])),
        }
        started = StepStarted(**at(), **common)
        facts.append(started)
        status = draw(st.sampled_from([None, *ENDS]))
        if status is None:
            break
        facts.append(
            StepFinished(
                **at(),
                **common,
                position=started.seq,
                started_at=started.at,
                status=status,
                output={"index": index} if status is StepStatus.SUCCEEDED else None,
                error={"code": "BROKEN"} if status is StepStatus.FAILED else None,
            )
        )
    end = draw(st.sampled_from([None, *sorted(FINAL_RUN_STATES)]))
    if end is not None:
        error = None if end is RunStatus.SUCCEEDED else {"code": str(end), "epoch": epoch}
        result = {"epoch": epoch} if end is RunStatus.SUCCEEDED else None
        facts.append(RunFinished(**at(), status=end, result=result, error=error))
    return tuple(facts)


@st.composite
def histories(draw: st.DrawFn) -> list[Batch]:
    """Batches of one to three epochs in order. One whose writing nobody confirmed is followed by
    one that begins at the same fact and holds more."""
    batches: list[Batch] = []
    for epoch in range(draw(st.integers(1, 3))):
        facts = draw(epochs(epoch))
        begin = end = 0
        while end < len(facts):
            end = draw(st.integers(end + 1, len(facts)))
            batches.append(Batch(epoch, facts[begin:end]))
            begin = draw(st.sampled_from([begin, end]))
    return batches


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Batch], list[Batch]]:
    """A history, and the same batches in any order, some of them repeated."""
    history = draw(histories())
    repeated = draw(st.lists(st.sampled_from(history), max_size=3))
    return history, draw(st.permutations([*history, *repeated]))


async def write(storage: Storage, run_id: UUID, *batches: Batch) -> bool:
    """Write batches in one transaction; whether the last of them was newer than the row.

    Activities write one at a time.
    """
    newer = False
    async with storage.unit_of_work(TENANT) as work:
        for batch in batches:
            rows = batch.rows(run_id)
            newer = await work.runs.apply(rows.run)
            await work.steps.apply(run_id, rows.steps)
    return newer


async def rows_of(storage: Storage, run_id: UUID) -> tuple[RunRow, list[StepRow]]:
    """What is there of a run, but for what names it and what the database stamped."""
    async with storage.unit_of_work(TENANT) as work:
        run = await work.runs.get(run_id)
        steps = await work.steps.list(run_id, after=None, limit=100)
    assert run is not None
    return replace(run, id=UUID(int=0), created_at=BEGAN), steps


async def launch(storage: Storage) -> UUID:
    """A run that has been claimed by a starter."""
    run_id = uuid4()
    new = NewRun(
        id=run_id,
        definition_id="triage",
        version=1,
        trigger_type="api",
        execution_key="key",
        request_hash="hash",
        payload={"epoch": 0},
        created_by="test",
    )
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.add(new)
    await storage.across.claim_run_starts(1, timedelta(hours=1))
    return run_id


async def both(storage: Storage, *, launched: bool) -> tuple[UUID, UUID]:
    """Two runs of the same kind: launched and claimed, or without any row."""
    if launched:
        return await launch(storage), await launch(storage)
    return uuid4(), uuid4()


@given(delivery=deliveries(), launched=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_order_and_repetition_ends_in_the_same_rows(
    storage: Storage, delivery: tuple[list[Batch], list[Batch]], launched: bool
) -> None:
    """Nothing depends on which batch came first, nor on whether the row was there before.

    `apply` says of each whether it was the newest so far.
    """
    in_order, as_delivered = delivery
    expected_id, run_id = await both(storage, launched=launched)
    await write(storage, expected_id, *in_order)
    newest = (-1, -1)
    for batch in as_delivered:
        here = (batch.epoch, batch.facts[-1].seq)
        assert await write(storage, run_id, batch) == (here > newest)
        newest = max(newest, here)
    assert await rows_of(storage, run_id) == await rows_of(storage, expected_id)


@given(delivery=deliveries())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_batches_that_are_written_at_the_same_time_end_in_the_same_rows(
    storage: Storage, delivery: tuple[list[Batch], list[Batch]]
) -> None:
    """Writers of one run wait for one another and do not deadlock; no repeat counts twice."""
    in_order, as_delivered = delivery
    expected_id, run_id = uuid4(), uuid4()
    await write(storage, expected_id, *in_order)
    await asyncio.gather(*(write(storage, run_id, batch) for batch in as_delivered))
    assert await rows_of(storage, run_id) == await rows_of(storage, expected_id)


async def test_rows_that_are_missing_are_made_again(storage: Storage) -> None:
    """All facts of a run make its rows anew, with its payload, times, result and steps."""
    facts = _facts_of_a_long_run(steps=3)
    run_id = uuid4()
    assert await write(storage, run_id, Batch(0, facts))
    run, steps = await rows_of(storage, run_id)
    assert (run.status, run.payload, run.result) == (RunStatus.SUCCEEDED, {"n": 3}, {"done": 3})
    assert (run.started_at, run.closed_at) == (facts[0].at, facts[-1].at)
    assert (run.definition_id, run.version, run.created_by) == ("triage", 1, "test")
    assert [(step.path, step.status) for step in steps] == [
        (f"step{index}", StepStatus.SUCCEEDED) for index in range(3)
    ]


async def test_a_batch_may_hold_more_steps_than_a_statement_takes_parameters(
    storage: Storage,
) -> None:
    """PostgreSQL takes 65,535 parameters in a statement; a batch of 6,000 steps has more."""
    run_id = uuid4()
    rows = Batch(0, _facts_of_a_long_run(steps=6000)).rows(run_id)
    async with storage.unit_of_work(TENANT) as work:
        await work.steps.apply(run_id, rows.steps)
        assert len(await work.steps.list(run_id, after=None, limit=10_000)) == 6000


def _facts_of_a_long_run(steps: int) -> tuple[Fact, ...]:
    facts: list[Fact] = [RunStarted(seq=1, at=BEGAN, payload={"n": steps})]
    for index in range(steps):
        seq = 2 + 2 * index
        at = BEGAN + timedelta(seconds=seq)
        common: dict[str, Any] = {
            "path": f"step{index}",
            "step_id": f"step{index}",
            "type": "transform.assign",
            "name": None,
        }
        facts.append(StepStarted(seq=seq, at=at, **common))
        facts.append(
            StepFinished(
                seq=seq + 1,
                at=at,
                position=seq,
                started_at=at,
                status=StepStatus.SUCCEEDED,
                **common,
            )
        )
    last = 2 + 2 * steps
    facts.append(
        RunFinished(
            seq=last,
            at=BEGAN + timedelta(seconds=last),
            status=RunStatus.SUCCEEDED,
            result={"done": steps},
        )
    )
    return tuple(facts)
