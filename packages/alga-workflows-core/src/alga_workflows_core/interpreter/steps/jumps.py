"""`control.break` and `control.continue`."""

from __future__ import annotations

from alga_workflows_core.definition.steps.jumps import BreakStep, ContinueStep
from alga_workflows_core.interpreter.outcome import Broke, Continued, Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(step: BreakStep | ContinueStep, _visit: Visit) -> Outcome:
    """The outcome that the nearest loop acts on."""
    return Broke() if isinstance(step, BreakStep) else Continued()
