"""`transform.assign`: set variables, in order, each seeing the former."""

from __future__ import annotations

from alga_workflows_core.definition.steps.assign import AssignStep
from alga_workflows_core.interpreter.assigning import assign_all
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(step: AssignStep, visit: Visit) -> Outcome:
    """Set the variables; StepError of the first value that cannot be had."""
    assign_all(visit, step.config.assign)
    return None
