"""`control.return`: end the run with a value."""

from __future__ import annotations

from alga_workflows_core.definition.steps import ReturnStep
from alga_workflows_core.interpreter.outcome import Outcome, Returned
from alga_workflows_core.interpreter.visit import Visit


async def run(step: ReturnStep, visit: Visit) -> Outcome:
    """The outcome that ends the run with the step's value."""
    return Returned(visit.scope.resolve(step.value, visit.path))
