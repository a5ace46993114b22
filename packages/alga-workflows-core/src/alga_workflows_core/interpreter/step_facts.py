"""What is said of a step when it begins and when it has ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import StepStatus


def of_step(step: Step, path: str) -> JsonObject:
    """Which step it is."""
    return {"path": path, "step_id": step.id, "type": step.type, "name": step.name}


def of_end(visit: Visit, outcome: Outcome, began: list[Json]) -> dict[str, Any]:
    """The members of `StepFinished` for a step that has begun at this seq and time."""
    status, failure = StepStatus.SUCCEEDED, None
    if isinstance(outcome, Failed):
        status, failure = StepStatus.FAILED, outcome.error.as_json()
    elif isinstance(outcome, Cancelled):
        status, failure = StepStatus.CANCELED, outcome.reason.as_json()
    return {
        **of_step(visit.step, visit.path),
        "position": began[0],
        "started_at": datetime.fromisoformat(began[1]),
        "status": status,
        "output": visit.output,
        "error": failure,
    }
