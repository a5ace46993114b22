"""Close a run from outside of it, with all that it leaves open."""

from __future__ import annotations

from uuid import UUID

import structlog

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.runs.aftermath import EndedRun, after_end
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.slots import may_leave_queue
from alga_workflows_core.storage.open_runs import LAST_SEQ, RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.temporal.names import cancel_id
from alga_workflows_core.types.states import RunStatus

log = structlog.get_logger()

RUN_ENDED = "RUN_ENDED"


class RunCloser:
    """Writes the end of a run that cannot write it itself, and tells those who wait for it."""

    def __init__(self, *, storage: Storage, closed: ClosedRuns, metrics: Metrics) -> None:
        self._storage = storage
        self._closed = closed
        self._metrics = metrics

    async def close(self, tenant: str, seen: RunRow, ending: RunEnding) -> bool:
        """Close the run as `ending` says; False if its row is no longer as it was seen."""
        async with self._storage.unit_of_work(tenant) as work:
            if not await close_in(work, seen, ending):
                return False
        await self.announce(tenant, seen, ending)
        return True

    async def announce(self, tenant: str, seen: RunRow, ending: RunEnding) -> None:
        """Tell of an end that was committed."""
        self._metrics.run_closed(ending.status)
        log.info(
            f"Run {seen.id} was closed as {ending.status}",
            action="run.closed",
            run_id=str(seen.id),
            tenant=tenant,
            definition=seen.definition_id,
            status=ending.status,
            code=None if ending.error is None else ending.error.get("code"),
        )
        await self._closed.announce(seen.id)


async def close_in(work: UnitOfWork, seen: RunRow, ending: RunEnding) -> bool:
    """The run and all that it leaves open, in one transaction.

    False, with nothing written, if its row is no longer as it was seen.
    """
    if seen.status is RunStatus.QUEUED and not await may_leave_queue(work, seen.id):
        return False
    if not await work.open_runs.close(seen, ending):
        return False
    await close_what_is_left(work, seen.id, ending)
    await after_end(
        work,
        EndedRun(
            id=seen.id,
            parent_wait_id=seen.parent_wait_id,
            status=ending.status,
            result=ending.result,
            error=ending.error,
        ),
    )
    return True


def run_ended(ending: RunEnding) -> ErrorInfo:
    """The error of a step that was under way when its run was ended."""
    return ErrorInfo(
        code=RUN_ENDED,
        category=Category.CANCELLED,
        message=f"The run ended {ending.status} before this was over.",
    )


async def close_what_is_left(work: UnitOfWork, run_id: UUID, ending: RunEnding) -> None:
    """End what is still open of a run that has ended: everything that would wait for it."""
    await work.steps.close_open(run_id, run_ended(ending).as_json(), seq=LAST_SEQ)
    for child, wait in await work.open_runs.waited_for(run_id):
        await work.deliveries.add_cancel(cancel_id(wait), child)
        work.leaves(Due.DELIVERIES)
    await work.waits.close_all(run_id)
