"""Write what a run says of itself: batches of facts as rows."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import structlog

from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.runs.aftermath import EndedRun, after_end
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.projection import Projection, project
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.temporal.wire import Batch, RunIdentity
from alga_workflows_core.types.states import RunStatus

log = structlog.get_logger()


class RowWriter:
    """Writes batches of any run. Writing one twice, or late, changes nothing."""

    def __init__(self, *, storage: Storage, closed: ClosedRuns, metrics: Metrics) -> None:
        self._storage = storage
        self._closed = closed
        self._metrics = metrics

    async def write(self, identity: RunIdentity, temporal_run_id: str, batch: Batch) -> None:
        """Commit the rows of a batch; UnavailableError if the database is away."""
        async with self.unit_of_work(identity) as work:
            rows, newer = await self.apply(work, identity, temporal_run_id, batch)
        await self.committed(identity, rows, newer=newer)

    def unit_of_work(self, identity: RunIdentity) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction of the run's tenant, for a batch and what has to be written with it."""
        return self._storage.unit_of_work(identity.tenant_id)

    async def apply(
        self,
        work: UnitOfWork,
        identity: RunIdentity,
        temporal_run_id: str,
        batch: Batch,
        *,
        ends: Collection[UUID] = (),
    ) -> tuple[Projection, bool]:
        """Write the batch in a transaction; its rows, and whether the run's was news. `ends`: waits
        that the caller will end in the same transaction.

        `committed` has to be told of it afterwards.
        """
        began = time.perf_counter()
        rows = project(identity, temporal_run_id, batch)
        newer = await work.runs.apply(rows.run)
        if newer and rows.closes_run:
            await after_end(work, _ended(identity, rows.run))
            if identity.epoch and rows.run.status is RunStatus.SUCCEEDED:
                await work.checkpoints.forget(identity.run_id)
        if newer or not await self.is_over(work, identity):
            await work.steps.apply(identity.run_id, rows.steps)
            await work.waits.open(rows.opened)
            await work.waits.lock({*ends, *(wait_id for wait_id, _, _ in rows.closed)})
            for wait_id, status, at in rows.closed:
                await work.waits.close(wait_id, status, at)
        self._metrics.row_flush(time.perf_counter() - began)
        return rows, newer

    async def is_over(self, work: UnitOfWork, identity: RunIdentity) -> bool:
        """Whether the run was ended from outside while this batch was on its way."""
        return await work.open_runs.has_last_word(identity.run_id, identity.epoch)

    async def committed(self, identity: RunIdentity, rows: Projection, *, newer: bool) -> None:
        """Tell of the end of a run, if that was it."""
        if not rows.closes_run:
            return
        if newer:
            self._metrics.run_closed(rows.run.status)
            log.info(
                f"Run {identity.run_id} ended {rows.run.status}",
                action="run.closed",
                run_id=str(identity.run_id),
                tenant=identity.tenant_id,
                definition=identity.workflow_id,
                status=rows.run.status,
            )
        await self._closed.announce(identity.run_id)


def _ended(identity: RunIdentity, run: RunChange) -> EndedRun:
    return EndedRun(
        id=identity.run_id,
        parent_wait_id=run.parent_wait_id,
        status=run.status,
        result=run.result,
        error=run.error,
    )
