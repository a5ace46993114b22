"""Hold the rows of one run against its histories, and write anew what was lost or is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.runs.admission import reinstate
from alga_workflows_core.runs.aftermath import EndedRun, after_end
from alga_workflows_core.runs.closing import close_what_is_left
from alga_workflows_core.runs.expected_rows import ExpectedRows, ended_by_itself, expected_rows
from alga_workflows_core.runs.reconciler_endings import ending_of
from alga_workflows_core.runs.restoring import restored_run
from alga_workflows_core.runs.row_differences import Difference, RunRows, differences
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.replayed_facts import HistoryReplayer, ReplayedRun
from alga_workflows_core.temporal.wire import OpenedWait
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus

log = structlog.get_logger()

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of a run's rows. `found`: where they differed; `left`: where they still do, which
    is the same if nothing was repaired."""

    run_id: UUID
    tenant: str
    executions: int
    found: Sequence[Difference]
    left: Sequence[Difference]


class Rebuilder:
    """Compares and repairs runs of the namespace of `executions`. `waits` opens waits whose row was
    lost while their run waits.

    Each call may raise what `HistoryReplayer.replay` does, and UnavailableError.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        executions: Executions,
        histories: HistoryReplayer,
        waits: WaitDesk,
    ) -> None:
        self._storage = storage
        self._executions = executions
        self._histories = histories
        self._waits = waits

    async def compare(self, run_id: UUID) -> Rebuilt:
        """Say where the rows of a run differ; nothing is written."""
        replayed, ending = await self._told(run_id)
        rows = await self._rows(replayed)
        found = differences(rows, expected_rows(replayed, ending, rows.run))
        return _rebuilt(replayed, found, found)

    async def repair(self, run_id: UUID) -> Rebuilt:
        """The same, then write rows that are missing, behind or wrong, and look again.

        A row that is newer than the histories stays, as does a wait that something has ended, and
        what should not be there. ConflictError `RUN_NOT_STARTED` while the run is queued.
        """
        replayed, ending = await self._told(run_id)
        rows = await self._rows(replayed)
        expected = expected_rows(replayed, ending, rows.run)
        found = differences(rows, expected)
        if not found or expected.run is None:
            return _rebuilt(replayed, found, found)
        await self._write(replayed, expected, expected.run, rows)
        left = differences(await self._rows(replayed), expected)
        log.warning(
            f"Rows of run {run_id} were written anew: {len(found)} differences, {len(left)} left",
            action="run.rebuilt",
            run_id=str(run_id),
            tenant=replayed.start.tenant_id,
            definition=replayed.start.workflow_id,
            found=len(found),
            left=len(left),
        )
        return _rebuilt(replayed, found, left)

    async def _told(self, run_id: UUID) -> tuple[ReplayedRun, RunEnding | None]:
        try:
            replayed = await self._histories.replay(run_id)
        except NotFoundError as error:
            if await self._storage.across.find_runs([run_id]):
                raise
            raise NotFoundError(
                f"There is no run {run_id}, neither in the database nor in Temporal's namespace "
                f"{self._executions.namespace!r}.",
                code="RUN_UNKNOWN",
                remedy="Check the id, DATABASE_URL and TEMPORAL_NAMESPACE.",
            ) from error
        outside = not replayed.newest.is_open and not ended_by_itself(replayed)
        ending = await ending_of(self._executions, replayed.newest) if outside else None
        return replayed, ending

    async def _rows(self, replayed: ReplayedRun) -> RunRows:
        """Read after the histories, so that what those call written is there."""
        run_id = replayed.start.run_id
        async with self._storage.unit_of_work(replayed.start.tenant_id) as work:
            return RunRows(
                run=await work.runs.get(run_id),
                steps=await _all_steps(work, run_id),
                waits=await _all_waits(work, run_id),
            )

    async def _write(
        self, replayed: ReplayedRun, expected: ExpectedRows, wanted: RunChange, rows: RunRows
    ) -> None:
        tenant = replayed.start.tenant_id
        async with self._storage.unit_of_work(tenant) as work:
            await self._write_run(work, replayed, expected, wanted)
            have = {step.path: step for step in rows.steps}
            await work.steps.apply(
                wanted.id, [step for path, step in expected.steps.items() if path not in have]
            )
            for path, step in expected.steps.items():
                if path in have and have[path] != step:
                    await work.rebuilt.step(wanted.id, step)
            await _write_waits(work, expected, rows)
            if expected.ending is not None:
                await close_what_is_left(work, wanted.id, expected.ending)
        if expected.is_open:
            known = {wait.id for wait in rows.waits}
            for wait_id, wait in expected.waits.items():
                if wait.closed is None and wait_id not in known:
                    await self._reopen(replayed, wanted, wait.new)

    async def _write_run(
        self, work: UnitOfWork, replayed: ReplayedRun, expected: ExpectedRows, wanted: RunChange
    ) -> None:
        row = await work.runs.get(wanted.id, lock=True)
        if row is not None and row.status is RunStatus.QUEUED:
            raise ConflictError(
                f"Run {wanted.id} is queued, and has an execution: it is about to be started.",
                code="RUN_NOT_STARTED",
                remedy="Let the service start it, which finds the execution, and look again.",
            )
        was_open = row is None or row.status not in FINAL_RUN_STATES
        if row is None:
            lost = restored_run(
                replayed.start,
                replayed.newest,
                namespace=self._executions.namespace,
                began_at=replayed.began_at,
            )
            row = await work.open_runs.restore(lost)
            if row is not None and expected.is_open:
                await reinstate(work, row, replayed.start.definition)
        written = await work.rebuilt.run(wanted)
        if written and was_open and wanted.status in FINAL_RUN_STATES:
            # A run never ends without it, whoever writes that down.
            await after_end(work, _ended(wanted))

    async def _reopen(self, replayed: ReplayedRun, seen: RunChange, wait: NewWait) -> None:
        identity = replayed.start.identity()
        opened = OpenedWait.model_validate(
            {
                "id": wait.id,
                "key": wait.key,
                "path": wait.path,
                "kind": wait.kind,
                "due": wait.due_at,
                "detail": wait.detail,
                "at": wait.opened_at,
            }
        )
        async with self._storage.unit_of_work(identity.tenant_id) as work:
            await self._waits.lock(work, identity, opened)
            row = await work.runs.get(identity.run_id, lock=True)
            # A run that has gone on meanwhile may not wait for it any more.
            if row is not None and (row.epoch, row.seq) == (seen.epoch, seen.seq):
                await self._waits.reopen(work, identity, opened)


async def _write_waits(work: UnitOfWork, expected: ExpectedRows, rows: RunRows) -> None:
    """Make lost rows anew of waits that are over, and end those that their run has gone on from."""
    have = {wait.id for wait in rows.waits}
    over = [
        wait for wait in expected.waits.values() if wait.closed is not None or not expected.is_open
    ]
    await work.waits.open([wait.new for wait in over if wait.new.id not in have])
    await work.waits.lock([wait.new.id for wait in over])
    for wait in over:
        if wait.closed is not None:
            await work.waits.close(wait.new.id, *wait.closed)


async def _all_steps(work: UnitOfWork, run_id: UUID) -> list[StepRow]:
    found: list[StepRow] = []
    while True:
        after = (found[-1].epoch, found[-1].position) if found else None
        page = await work.steps.list(run_id, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


async def _all_waits(work: UnitOfWork, run_id: UUID) -> list[WaitRow]:
    found: list[WaitRow] = []
    while True:
        after = (found[-1].opened_at, found[-1].id) if found else None
        page = await work.waits.list(run_id, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _ended(run: RunChange) -> EndedRun:
    return EndedRun(
        id=run.id,
        parent_wait_id=run.parent_wait_id,
        status=run.status,
        result=run.result,
        error=run.error,
    )


def _rebuilt(
    replayed: ReplayedRun, found: Sequence[Difference], left: Sequence[Difference]
) -> Rebuilt:
    return Rebuilt(
        run_id=replayed.start.run_id,
        tenant=replayed.start.tenant_id,
        executions=replayed.executions,
        found=found,
        left=left,
    )
