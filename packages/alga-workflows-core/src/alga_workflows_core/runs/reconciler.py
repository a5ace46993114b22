"""Hold rows of open runs against what Temporal says, and mend what differs.

Only `describe` counts. Every change is guarded by the row's (status, epoch, seq) as it was read, so
reconcilers may run in any number, and beside the runs themselves.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import structlog
from pydantic import Field

from alga_workflows_core.errors import Category, ErrorInfo, UnavailableError
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import Settings
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.reconciler_endings import EXECUTION_LOST, ending_of
from alga_workflows_core.runs.stopping import stop_execution
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.executions import Execution, Executions, UnreadableStartError
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus

log = structlog.get_logger()

BATCH = 20
# What a run wrote before it ended may still be on its way.
ATTEMPTS = 5
LONGEST = timedelta(days=1)
"""A run that does not change is looked at this often at least."""


class ReconcilerSettings(Settings):
    """How soon rows are held against Temporal."""

    after: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_RECONCILE_AFTER",
            gt=0,
            le=3600,
            description="Seconds that a run has not changed before it is looked at.",
        ),
    ] = 60.0
    sweep_interval: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_SWEEP_INTERVAL",
            gt=0,
            le=3600,
            description="Seconds between two looks at what Temporal runs and has ended.",
        ),
    ] = 30.0

    @property
    def poll_interval(self) -> float:
        """Seconds between two looks for runs whose turn it is."""
        return min(self.after / 4, 5.0)


class Reconciler:
    """Looks at open runs, each ever less often as long as it does not change."""

    def __init__(
        self,
        *,
        storage: Storage,
        executions: Executions,
        closer: RunCloser,
        metrics: Metrics,
        after: timedelta,
    ) -> None:
        self._storage = storage
        self._executions = executions
        self._closer = closer
        self._metrics = metrics
        self._after = after

    async def look(self) -> None:
        """Look at every run whose turn it is. UnavailableError when a server is away."""
        while True:
            claimed = await self._storage.across.claim_reconciling(
                BATCH,
                namespace=self._executions.namespace,
                unchanged=self._after,
                longest=max(LONGEST, self._after),
            )
            await self.heal_all([(tenant, run_id) for tenant, run_id, look in claimed if look])
            if len(claimed) < BATCH:
                return

    async def heal_all(self, runs: list[tuple[str, UUID]]) -> None:
        """Heal each on its own. UnavailableError when a server is away."""
        outcomes = await asyncio.gather(
            *(self.heal(tenant, run_id) for tenant, run_id in runs), return_exceptions=True
        )
        for (tenant, run_id), outcome in zip(runs, outcomes, strict=True):
            if isinstance(outcome, UnavailableError | asyncio.CancelledError):
                raise outcome
            if isinstance(outcome, BaseException):
                # One run that cannot be mended must not keep the others from it.
                self._metrics.reconciled("failed")
                log.error(
                    f"Run {run_id} could not be held against Temporal",
                    action="run.reconcile_failed",
                    run_id=str(run_id),
                    tenant=tenant,
                    exc_info=outcome,
                )

    async def heal(self, tenant: str, run_id: UUID) -> bool:
        """Make the row of one run say what Temporal says; whether something was done."""
        for _ in range(ATTEMPTS):
            async with self._storage.unit_of_work(tenant) as work:
                run = await work.runs.get(run_id)
            if run is None or run.status in FINAL_RUN_STATES or run.status is RunStatus.QUEUED:
                return False
            done = await self._heal(tenant, run)
            if done is not None:
                return done
        return False

    async def _heal(self, tenant: str, run: RunRow) -> bool | None:
        """Whether something was done; None if the row changed meanwhile."""
        run_id = run.id
        execution = await self._executions.newest(run_id)
        if execution is None:
            return await self._without_execution(tenant, run)
        if execution.goes_on:
            return False
        if execution.is_open:
            return await self._stop_if_asked(tenant, run)
        if await self._epoch_of(execution, run) < run.epoch:
            return await self._start_again(tenant, run)
        ending = await ending_of(self._executions, execution)
        if not await self._closer.close(tenant, run, ending):
            return None
        self._did("closed", tenant, run, f"its execution is {execution.status.name}")
        return True

    async def _without_execution(self, tenant: str, run: RunRow) -> bool | None:
        if run.status is RunStatus.STARTING:
            return await self._start_again(tenant, run)
        lost = ErrorInfo(
            code=EXECUTION_LOST,
            category=Category.TRANSIENT,
            message=f"Temporal has no execution of this run in namespace "
            f"{self._executions.namespace!r}: it was deleted, or ended longer ago than the "
            f"namespace keeps histories. The run was {run.status} when it was last heard of.",
            details={"temporalRunId": run.temporal_run_id, "lastStatus": run.status.value},
        )
        ending = RunEnding(status=RunStatus.FAILED, error=lost.as_json())
        if not await self._closer.close(tenant, run, ending):
            return None
        self._did("lost", tenant, run, "Temporal has no execution of it")
        return True

    async def _start_again(self, tenant: str, run: RunRow) -> bool:
        if run.status is not RunStatus.STARTING:
            return False
        async with self._storage.unit_of_work(tenant) as work:
            made_due = await work.open_runs.start_again(run)
        if not made_due:
            return False
        self._did("start_again", tenant, run, "its start was lost")
        return True

    async def _stop_if_asked(self, tenant: str, run: RunRow) -> bool:
        """What was asked for while the run was being started, if its starter did not live to."""
        if run.stop_request is None:
            return False
        await stop_execution(self._executions, run.id, run.stop_request)
        async with self._storage.unit_of_work(tenant) as work:
            await work.open_runs.forget_stop(run.id, run.epoch)
        self._did("stopped", tenant, run, "that was asked for before it began")
        # A run that was terminated writes no rows.
        await self.heal(tenant, run.id)
        return True

    async def _epoch_of(self, execution: Execution, run: RunRow) -> int:
        try:
            return (await self._executions.start_input(execution)).epoch
        except UnreadableStartError:
            # Started by hand, under this run's id: what became of it is what became of the run.
            return run.epoch

    def _did(self, deed: str, tenant: str, run: RunRow, why: str) -> None:
        self._metrics.reconciled(deed)
        log.warning(
            f"Run {run.id} was {run.status}: {why}",
            action=f"run.reconciled_{deed}",
            run_id=str(run.id),
            tenant=tenant,
            definition=run.definition_id,
            epoch=run.epoch,
        )
