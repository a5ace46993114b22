"""`control.if`: decide once, then walk the block. Node: `{"b": "then" | "else", "s": steps}`."""

from __future__ import annotations

from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(step: IfStep, visit: Visit) -> Outcome:
    """Walk the block and pass its outcome on; StepError if the condition is no boolean."""
    node = visit.node
    if "b" not in node:
        chosen = visit.scope.condition(step.condition, visit.path)
        node["b"] = "then" if chosen else "else"
    visit.output = {"branch": node["b"]}
    return await visit.walk(step.then if node["b"] == "then" else step.otherwise or ())
