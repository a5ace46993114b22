"""`control.return`: end the run with a value."""

from __future__ import annotations

from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.interpreter.outcome import Outcome, Returned
from alga_workflows_core.interpreter.sizes import MAX_RESULT_BYTES, check_size, encoded_size
from alga_workflows_core.interpreter.visit import Visit


async def run(step: ReturnStep, visit: Visit) -> Outcome:
    """The outcome that ends the run with the step's value."""
    value = visit.scope.resolve(step.value, visit.path)
    check_size(
        encoded_size(value), limit=MAX_RESULT_BYTES, what="The run's result", step=visit.path
    )
    return Returned(value)
