"""`control.break`: the outcome that the nearest loop acts on."""

from __future__ import annotations

from alga_workflows_core.definition.steps.break_ import BreakStep
from alga_workflows_core.interpreter.outcome import Broke, Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(_step: BreakStep, _visit: Visit) -> Outcome:
    """Leave the nearest loop; the run goes on behind it."""
    return Broke()
