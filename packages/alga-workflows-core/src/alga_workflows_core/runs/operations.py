"""What operators do to a run: cancel, pause, resume, terminate. Each may be repeated."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.reconciler_endings import canceled, terminated
from alga_workflows_core.runs.stopping import StopRequest, stop_execution
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.wire import ControlSignal
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus

log = structlog.get_logger()

# Between our look at the row and what we do, the run itself may have gone on.
ATTEMPTS = 5


class RunOperations:
    """Operations on runs of any tenant, named in each call.

    Each raises NotFoundError, ConflictError (`RUN_ENDED`, `RUN_NOT_STARTED`) and, when Temporal or
    the database is away, UnavailableError; it may have been done all the same then. What is
    answered is the run as it is now: all but `terminate` take effect when the run comes to it.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        executions: Executions,
        reconciler: Reconciler,
        closer: RunCloser,
    ) -> None:
        self._storage = storage
        self._executions = executions
        self._reconciler = reconciler
        self._closer = closer

    async def cancel(self, tenant: str, run_id: UUID, *, by: str, reason: str = "") -> RunRow:
        """Have the run end by itself: it unwinds, with its clean-up. One that has not begun ends
        at once."""
        return await self._stop(tenant, run_id, StopRequest(do="cancel", reason=reason, by=by))

    async def terminate(self, tenant: str, run_id: UUID, *, by: str, reason: str) -> RunRow:
        """End the run at once, without clean-up; it is FAILED with code `TERMINATED` then."""
        return await self._stop(tenant, run_id, StopRequest(do="terminate", reason=reason, by=by))

    async def pause(self, tenant: str, run_id: UUID, *, by: str, reason: str = "") -> RunRow:
        """Hold the run before its next steps; deadlines go on."""
        return await self._control(tenant, run_id, "pause", by, reason)

    async def resume(self, tenant: str, run_id: UUID, *, by: str, reason: str = "") -> RunRow:
        """Let a run that was paused go on."""
        return await self._control(tenant, run_id, "resume", by, reason)

    async def _stop(self, tenant: str, run_id: UUID, stop: StopRequest) -> RunRow:
        for _ in range(ATTEMPTS):
            run = await self._open_run(tenant, run_id)
            if run.status is RunStatus.QUEUED:
                done = await self._closer.close(tenant, run, _unbegun(stop))
            elif run.status is RunStatus.STARTING:
                done = await self._stop_starting(tenant, run, stop)
            else:
                done = await self._stop_execution(tenant, run, stop)
            if done:
                log.info(
                    f"Run {run_id}: {stop.do} was asked for",
                    action=f"run.{stop.do}_requested",
                    run_id=str(run_id),
                    tenant=tenant,
                    by=stop.by,
                    reason=stop.reason,
                )
                return await self._get(tenant, run_id)
        raise _busy(run_id)

    async def _stop_starting(self, tenant: str, run: RunRow, stop: StopRequest) -> bool:
        """Nobody knows whether its execution is there yet: its starter is told too."""
        request = stop.model_dump(mode="json", by_alias=True)
        async with self._storage.unit_of_work(tenant) as work:
            if not await work.open_runs.request_stop(run, request):
                return False
        if await self._stop_execution(tenant, run, stop):
            async with self._storage.unit_of_work(tenant) as work:
                await work.open_runs.forget_stop(run.id, run.epoch)
        return True

    async def _stop_execution(self, tenant: str, run: RunRow, stop: StopRequest) -> bool:
        request = stop.model_dump(mode="json", by_alias=True)
        reached = await stop_execution(self._executions, run.id, request)
        # What was terminated writes no rows. And Temporal takes a cancel of what has ended, too.
        healed = await self._reconciler.heal(tenant, run.id)
        return reached and healed == (stop.do == "terminate")

    async def _control(
        self, tenant: str, run_id: UUID, do: Literal["pause", "resume"], by: str, reason: str
    ) -> RunRow:
        for _ in range(ATTEMPTS):
            run = await self._open_run(tenant, run_id)
            if run.status is RunStatus.QUEUED:
                raise _not_started(run)
            if await self._executions.control(run_id, ControlSignal(do=do)):
                log.info(
                    f"Run {run_id}: {do} was asked for",
                    action=f"run.{do}_requested",
                    run_id=str(run_id),
                    tenant=tenant,
                    by=by,
                    reason=reason,
                )
                return await self._get(tenant, run_id)
            if run.status is RunStatus.STARTING:
                raise _not_started(run)
            await self._reconciler.heal(tenant, run_id)
        raise _busy(run_id)

    async def _open_run(self, tenant: str, run_id: UUID) -> RunRow:
        run = await self._get(tenant, run_id)
        if run.status in FINAL_RUN_STATES:
            raise ConflictError(
                f"Run {run_id} has ended {run.status}.",
                code="RUN_ENDED",
                remedy="There is nothing left to do to it.",
                details={"runStatus": run.status.value},
            )
        return run

    async def _get(self, tenant: str, run_id: UUID) -> RunRow:
        async with self._storage.unit_of_work(tenant) as work:
            run = await work.runs.get(run_id)
        if run is None:
            raise NotFoundError(
                f"There is no run {run_id}.", remedy="GET /api/v1/runs lists the newest."
            )
        return run


def _unbegun(stop: StopRequest) -> RunEnding:
    """How a run ends that nobody has begun to start."""
    if stop.do == "terminate":
        info = terminated(stop.reason, by=stop.by)
        return RunEnding(status=RunStatus.FAILED, error=info.as_json())
    info = canceled("The run was cancelled before it began.")
    return RunEnding(status=RunStatus.CANCELED, error=info.as_json())


def _not_started(run: RunRow) -> ConflictError:
    return ConflictError(
        f"Run {run.id} is {run.status} and has not begun.",
        code="RUN_NOT_STARTED",
        remedy="Send the request again once it runs.",
        details={"runStatus": run.status.value},
    )


def _busy(run_id: UUID) -> ConflictError:
    return ConflictError(
        f"Run {run_id} is changing faster than this could be done.",
        remedy="Send the request again in a moment.",
    )
