"""The activities of runs: perform one action, write facts as rows."""

from __future__ import annotations

import asyncio
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
from alga_workflows_core.infra.telemetry import bind_run
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.temporal.names import FLUSH_ACTIVITY, PERFORM_ACTIVITY, invocation_id
from alga_workflows_core.temporal.wire import (
    FlushRequest,
    FlushResult,
    PerformFailure,
    PerformRequest,
    PerformResult,
)

log = structlog.get_logger()

# Before an action, rows are written if that is quick; a slow database must not hold up actions.
RIDE_TIMEOUT_SECONDS = 0.5


class RunActivities:
    """Activities of the authored queue, over one process's storage and actions."""

    def __init__(self, *, performer: Performer, rows: RowWriter, waits: WaitDesk) -> None:
        self._performer = performer
        self._rows = rows
        self._waits = waits

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
        identity, resolution = request.run, None
        async with self._rows.unit_of_work(identity) as work:
            rows, newer = await self._rows.apply(
                work, identity, request.temporal_run_id, request.batch
            )
            if request.opens is not None:
                resolution = await self._waits.open(work, identity, request.opens)
            if request.closes is not None:
                resolution = await self._waits.close(work, identity, request.closes)
        await self._rows.committed(identity, rows, newer=newer)
        return FlushResult(resolution=resolution, work=request.work)

    async def _write_if_quick(self, request: PerformRequest) -> bool:
        if request.batch is None:
            return True
        try:
            async with asyncio.timeout(RIDE_TIMEOUT_SECONDS):
                await self._rows.write(request.run, request.temporal_run_id, request.batch)
        except (AlgaError, TimeoutError) as error:
            # A failed write of the view never fails a run: the workflow keeps the facts.
            log.warning(
                f"Rows were not written before an action, which goes on: {error}",
                action="rows.postponed",
                step=request.step,
            )
            return False
        return True


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
