"""Hold what Temporal runs, and what it has ended lately, against the table of runs.

Finds what no row can tell: runs whose row was lost, and runs that have ended while their row was
not to be looked at for a while. The server's index only says whom to look at.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.runs.admission import reinstate
from alga_workflows_core.runs.closing import RunCloser, close_in
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.reconciler_endings import ending_of
from alga_workflows_core.runs.restoring import restored_run
from alga_workflows_core.storage.across_tenants import Sweep
from alga_workflows_core.storage.open_runs import RestoredRun
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.executions import Execution, Executions, UnreadableStartError
from alga_workflows_core.temporal.wire import ControlSignal, RunInput

log = structlog.get_logger()

# The index lags behind, and clocks differ.
LOOK_BACK = timedelta(minutes=10)
# Open executions are looked at from their first page to their last, so many pages in each round.
OPEN_PAGES = 10
_MOST_UNREADABLE = 1000


class RunSweeper:
    """Compares, in one process of all at a time, the executions of a namespace with their rows."""

    def __init__(
        self,
        *,
        storage: Storage,
        executions: Executions,
        reconciler: Reconciler,
        closer: RunCloser,
        metrics: Metrics,
        every: timedelta,
        after: timedelta,
    ) -> None:
        self._storage = storage
        self._executions = executions
        self._reconciler = reconciler
        self._closer = closer
        self._metrics = metrics
        self._every = every
        self._after = after
        self._unreadable: set[str] = set()
        self._open: AsyncGenerator[list[Execution]] | None = None

    async def sweep(self) -> None:
        """Compare, if it is time for it. UnavailableError when a server is away."""
        turn = await self._storage.across.claim_sweep(self._executions.namespace, self._every)
        if turn is None:
            return
        await self._sweep_ended(turn)
        await self._sweep_open()
        await self._storage.across.end_sweep(self._executions.namespace, turn)

    async def _sweep_ended(self, turn: Sweep) -> None:
        # Kept in the database: where that was restored from a backup, the time was as well.
        since = min(turn.swept_until or turn.began_at, turn.began_at) - LOOK_BACK
        async for page in self._executions.pages(f"CloseTime >= '{_written(since)}'"):
            await self._compare(page)

    async def _sweep_open(self) -> None:
        """Some pages of what is open; the next round goes on where this one ends."""
        before = _written(datetime.now(UTC) - self._after)
        pages = self._open or self._executions.pages(
            f"ExecutionStatus = 'Running' AND StartTime <= '{before}'"
        )
        self._open = None
        for _ in range(OPEN_PAGES):
            page = await anext(pages, None)
            if page is None:
                return
            await self._compare(page)
        self._open = pages

    async def _compare(self, page: Sequence[Execution]) -> None:
        if not page:
            return
        by_run = {execution.run_id: execution for execution in page}
        found = await self._storage.across.find_runs(by_run.keys())
        ended = [
            (run.tenant, run.run_id)
            for run in found
            if run.is_open and not by_run[run.run_id].is_open
        ]
        await self._reconciler.heal_all(ended)
        for run_id in by_run.keys() - {run.run_id for run in found}:
            await self._restore(run_id)

    async def _restore(self, run_id: UUID) -> None:
        execution = await self._executions.newest(run_id)
        if execution is None or execution.goes_on:
            return
        try:
            start = await self._executions.start_input(execution)
        except UnreadableStartError as error:
            self._tell_once(execution, error)
            return
        if execution.is_open:
            await self._restore_open(execution, start)
        else:
            await self._restore_ended(execution, start)

    async def _restore_open(self, execution: Execution, start: RunInput) -> None:
        async with self._storage.unit_of_work(start.tenant_id) as work:
            row = await work.open_runs.restore(self._row(execution, start))
            if row is not None:
                await reinstate(work, row, start.definition)
        if row is not None:
            self._did(execution, start)
        # Also when somebody else made the row: the signal may be what got lost.
        await self._executions.control(execution.run_id, ControlSignal(do="tell"))

    async def _restore_ended(self, execution: Execution, start: RunInput) -> None:
        ending = await ending_of(self._executions, execution)
        async with self._storage.unit_of_work(start.tenant_id) as work:
            row = await work.open_runs.restore(self._row(execution, start))
            if row is None:
                return
            await close_in(work, row, ending)
        self._did(execution, start)
        await self._closer.announce(start.tenant_id, row, ending)

    def _row(self, execution: Execution, start: RunInput) -> RestoredRun:
        return restored_run(
            start,
            execution,
            namespace=self._executions.namespace,
            began_at=start.started_at or execution.started_at,
        )

    def _did(self, execution: Execution, start: RunInput) -> None:
        self._metrics.reconciled("row_restored")
        log.warning(
            f"The row of run {start.run_id} was lost and was made anew; its execution is "
            f"{execution.status.name}",
            action="run.reconciled_row_restored",
            run_id=str(start.run_id),
            tenant=start.tenant_id,
            definition=start.workflow_id,
        )

    def _tell_once(self, execution: Execution, error: UnreadableStartError) -> None:
        if execution.temporal_run_id in self._unreadable:
            return
        if len(self._unreadable) >= _MOST_UNREADABLE:
            self._unreadable.clear()
        self._unreadable.add(execution.temporal_run_id)
        self._metrics.reconciled("unreadable")
        log.warning(str(error), action="run.unreadable_start", run_id=str(execution.run_id))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
