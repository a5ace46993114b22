"""The rows that a run should have as its histories tell it, made by the projection of the flush."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from alga_workflows_core.interpreter.facts import RunFinished
from alga_workflows_core.runs.closing import run_ended
from alga_workflows_core.runs.projection import Projection, project
from alga_workflows_core.storage.open_runs import LAST_SEQ, RunEnding
from alga_workflows_core.storage.runs import RunChange, RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.waits import NewWait
from alga_workflows_core.temporal.replayed_facts import ReplayedRun, ToldBatch
from alga_workflows_core.temporal.wire import Batch
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus, StepStatus, WaitStatus

_BY_ITSELF = (
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWait:
    """A wait that the run has opened. `closed`: how and when the run went on from it; None: it
    waits, and whether something has ended the wait is for its row to say."""

    new: NewWait
    closed: tuple[WaitStatus, datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRows:
    """What histories tell of one run.

    `run` None: nobody has written anything of it yet. `is_open`: rows may be ahead. `ending`: how
    it was ended from outside of it; None if it is open or has ended by itself.
    """

    run: RunChange | None
    steps: Mapping[str, StepRow]
    waits: Mapping[UUID, ExpectedWait]
    is_open: bool
    ending: RunEnding | None


def ended_by_itself(replayed: ReplayedRun) -> bool:
    """Whether the run has told its own end."""
    return replayed.newest.status in _BY_ITSELF and any(
        isinstance(fact, RunFinished) for told in replayed.batches for fact in told.batch.facts
    )


def is_ahead(replayed: ReplayedRun, row: RunRow | None) -> bool:
    """Whether a run that was ended from outside had written its own end before, in a workflow task
    that its history does not have."""
    known = max((each.batch.seq for each in replayed.batches), default=0)
    return row is not None and row.status in FINAL_RUN_STATES and known < row.seq < LAST_SEQ


def expected_rows(
    replayed: ReplayedRun, ending: RunEnding | None, row: RunRow | None
) -> ExpectedRows:
    """The rows of a run; `ending` is how it was ended from outside, if it was; `row` the one that
    it has.

    Of an open run only what was surely written counts: the rest may be on its way. So it is where
    the row of one that was ended from outside tells another end already, which others have heard.
    """
    is_open = replayed.newest.is_open
    if ending is not None and is_ahead(replayed, row):
        is_open, ending = True, None
    told = [each for each in replayed.batches if each.written or not is_open]
    rows = [_projected(replayed, each) for each in told]
    run = _run(replayed, rows)
    steps = {step.path: step for each in rows for step in each.steps}
    if ending is not None:
        run = _closed(run, ending)
        steps = {path: _closed_step(step, ending) for path, step in steps.items()}
    return ExpectedRows(
        run=run if rows or ending is not None else None,
        steps=steps,
        waits=_waits(rows),
        is_open=is_open,
        ending=ending,
    )


def _projected(replayed: ReplayedRun, told: ToldBatch) -> Projection:
    return project(replayed.start.identity(), told.temporal_run_id, told.batch)


def _run(replayed: ReplayedRun, rows: Sequence[Projection]) -> RunChange:
    start = replayed.start
    nothing = Batch(seq=0, status=RunStatus.RUNNING, facts=[])
    row = project(start.identity(), replayed.newest.temporal_run_id, nothing).run
    row = replace(row, payload=start.payload)
    for each in rows:
        change = each.run
        begins = change.started_at is not None
        row = replace(
            change,
            started_at=change.started_at if begins else row.started_at,
            payload=change.payload if begins else row.payload,
            label=row.label if change.label is None else change.label,
        )
    return row


def _closed(run: RunChange, ending: RunEnding) -> RunChange:
    """The row as `OpenRuns.close` leaves it."""
    return replace(
        run,
        status=ending.status,
        result=ending.result,
        error=ending.error,
        closed_at=ending.at,
        temporal_run_id=ending.temporal_run_id or run.temporal_run_id,
        seq=LAST_SEQ,
    )


def _closed_step(step: StepRow, ending: RunEnding) -> StepRow:
    """The row as `Steps.close_open` leaves it, but for the time, which the database stamps."""
    if step.status is not StepStatus.RUNNING:
        return step
    return replace(
        step,
        status=StepStatus.CANCELED,
        error=run_ended(ending).as_json(),
        seq=LAST_SEQ,
        finished_at=ending.at,
    )


def _waits(rows: Sequence[Projection]) -> dict[UUID, ExpectedWait]:
    waits: dict[UUID, ExpectedWait] = {}
    for each in rows:
        for new in each.opened:
            waits.setdefault(new.id, ExpectedWait(new=new))
        for wait_id, status, at in each.closed:
            waits[wait_id] = replace(waits[wait_id], closed=(status, at))
    return waits
