"""`control.switch`: decide once, then walk the block. Node: `{"b": index or -1, "s": steps}`."""

from __future__ import annotations

from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.visit import Visit

DEFAULT = -1


async def run(step: SwitchStep, visit: Visit) -> Outcome:
    """Walk the block of the first case that is true; StepError if a condition is no boolean."""
    node = visit.node
    if "b" not in node:
        node["b"] = next(
            (
                index
                for index, case in enumerate(step.cases)
                if visit.scope.condition(case.when, visit.path)
            ),
            DEFAULT,
        )
    chosen: int = node["b"]
    visit.output = {"case": None if chosen == DEFAULT else chosen}
    return await visit.walk(step.default or () if chosen == DEFAULT else step.cases[chosen].steps)
