"""The activities of runs: perform one action, write facts as rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from alga_workflows_core.actions.calling import CRASHED
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.telemetry import bind_run
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.projection import project
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import FLUSH_ACTIVITY, PERFORM_ACTIVITY, invocation_id
from alga_workflows_core.temporal.wire import (
    Batch,
    FlushRequest,
    FlushResult,
    PerformFailure,
    PerformRequest,
    PerformResult,
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
        self._performer = performer
        self._closed = closed
        self._metrics = metrics

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self.perform, self.flush]

    @activity.defn(name=PERFORM_ACTIVITY)
    async def perform(self, request: PerformRequest) -> PerformResult:
        """Perform an action. Its failure is an ApplicationError whose first detail is the
        `ErrorInfo` and whose second says whether the facts that rode along were written."""
        info = activity.info()
        with bind_run(
            run_id=str(request.run.run_id),
            tenant=request.run.tenant_id,
            definition=request.run.workflow_id,
        ):
            flushed = await self._write_if_quick(request)
            invocation = Invocation(
                id=invocation_id(request.run.run_id, request.step, request.series),
                tenant=request.run.tenant_id,
                run_id=request.run.run_id,
                step=request.step,
                attempt=info.attempt,
            )
            try:
                output = await self._performer.perform(
                    request.action_id, request.version, request.input, invocation
                )
            except ActionError as error:
                log.info(
                    f"{request.action_id} failed in attempt {info.attempt}: {error.message}",
                    action="action.failed",
                    step=request.step,
                    code=error.error_code,
                    retryable=error.retryable,
                    # What a handler did not mean to raise can only be mended with its traceback.
                    exc_info=error if error.error_code == CRASHED else None,
                )
                # Without its cause, which would be written into the history with what it quotes.
                raise _application_error(error, request.step, info.attempt, flushed) from None
            return PerformResult(output=output, flushed=flushed)

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
            # A batch may have been on its way while the run was terminated.
            if newer or not await work.open_runs.has_last_word(identity.run_id, identity.epoch):
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


def _application_error(
    error: ActionError, step: str, attempt: int, flushed: bool
) -> ApplicationError:
    delay = error.retry_after
    return ApplicationError(
        error.message,
        PerformFailure(
            error=error.info(step=step, attempt=attempt).as_json(), flushed=flushed
        ).model_dump(by_alias=True),
        type=error.error_code,
        non_retryable=not error.retryable,
        next_retry_delay=None if delay is None else timedelta(seconds=delay),
    )
