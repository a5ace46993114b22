"""What somebody asked of a run that was being started: to be told to its execution later."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model


class StopRequest(Model):
    """That a run is to end: by itself with its clean-up (`cancel`), or at once (`terminate`)."""

    do: Literal["cancel", "terminate"]
    reason: str
    by: str


async def stop_execution(executions: Executions, run_id: UUID, request: JsonObject) -> bool:
    """Do what `request`, a `StopRequest` as JSON, says; False if there is no open execution."""
    stop = StopRequest.model_validate(request)
    if stop.do == "cancel":
        return await executions.cancel(run_id, stop.reason)
    return await executions.terminate(run_id, stop.reason, stop.by)
