"""The activities of runs: perform one action, write facts as rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from temporalio import activity

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.perform_activity import PerformActivity
from alga_workflows_core.runs.projection import project
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import FLUSH_ACTIVITY
from alga_workflows_core.temporal.wire import (
    Batch,
    FlushRequest,
    FlushResult,
    PerformRequest,
    RunIdentity,
)

log = structlog.get_logger()

# Before an action, rows are written if that is quick; a slow database must not hold up actions.
RIDE_TIMEOUT_SECONDS = 0.5


class RunActivities:
    """Activities of the authored queue, over one process's storage and actions."""

    def __init__(
        self, *, storage: Storage, performer: Performer, closed: ClosedRuns, metrics: Metrics
    ) -> None:
        self._storage = storage
        self._perform = PerformActivity(performer, write_facts=self._write_if_quick)
        self._closed = closed
        self._metrics = metrics

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self._perform.perform, self.flush]

    @activity.defn(name=FLUSH_ACTIVITY)
    async def flush(self, request: FlushRequest) -> FlushResult:
        """Write facts as rows; repeated by Temporal until it works."""
        await self._write(request.run, request.temporal_run_id, request.batch)
        return FlushResult(work=request.work)

    async def _write_if_quick(self, request: PerformRequest) -> bool:
        if request.batch is None:
            return True
        try:
            async with asyncio.timeout(RIDE_TIMEOUT_SECONDS):
                await self._write(request.run, request.temporal_run_id, request.batch)
        except (AlgaError, TimeoutError) as error:
            # A failed write of the view never fails a run: the workflow keeps the facts.
            log.warning(
                f"Rows were not written before an action, which goes on: {error}",
                action="rows.postponed",
                step=request.step,
            )
            return False
        return True

    async def _write(self, identity: RunIdentity, temporal_run_id: str, batch: Batch) -> None:
        began = time.perf_counter()
        rows = project(identity, temporal_run_id, batch)
        async with self._storage.unit_of_work(identity.tenant_id) as work:
            newer = await work.runs.apply(rows.run)
            await work.steps.apply(identity.run_id, rows.steps)
        self._metrics.row_flush(time.perf_counter() - began)
        if rows.closes_run and newer:
            self._metrics.run_closed(rows.run.status)
            log.info(
                f"Run {identity.run_id} ended {rows.run.status}",
                action="run.closed",
                run_id=str(identity.run_id),
                tenant=identity.tenant_id,
                definition=identity.workflow_id,
                status=rows.run.status,
            )
        if rows.closes_run:
            await self._closed.announce(identity.run_id)
