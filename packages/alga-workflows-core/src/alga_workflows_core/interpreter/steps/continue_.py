"""`control.continue`: the outcome that the nearest loop acts on."""

from __future__ import annotations

from alga_workflows_core.definition.steps.continue_ import ContinueStep
from alga_workflows_core.interpreter.outcome import Continued, Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(_step: ContinueStep, _visit: Visit) -> Outcome:
    """Leave this turn of the nearest loop; it goes on with the next."""
    return Continued()
