"""What the end of a run means for others, in the transaction of its end, whoever ends it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from alga_workflows_core.runs.slots import release
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run and how it has ended. `error` is an `ErrorInfo` as JSON."""

    id: UUID
    parent_wait_id: UUID | None
    status: RunStatus
    result: Json
    error: JsonObject | None


async def after_end(work: UnitOfWork, run: EndedRun) -> None:
    """Tell the run that waits for this one, and give its slot to the next. Doing it again changes
    nothing."""
    if run.parent_wait_id is not None:
        resolution = child_resolution(run)
        if await work.waits.resolve(run.parent_wait_id, resolution, "child"):
            work.leaves(Due.DELIVERIES)
    await release(work, run.id)


def child_resolution(run: EndedRun) -> JsonObject:
    """What ends the wait for a run that has ended."""
    return {
        "runId": str(run.id),
        "status": run.status.value,
        "result": run.result,
        "error": run.error,
    }
