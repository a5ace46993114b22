"""`control.while`: walk a block as long as a condition is true.

Node: `{"k": turns that have ended, "s": steps}`.
"""

from __future__ import annotations

from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.outcome import Broke, Continued, Outcome
from alga_workflows_core.interpreter.visit import Visit


async def run(step: WhileStep, visit: Visit) -> Outcome:
    """StepError `LOOP_LIMIT` if the condition is still true behind `maxIterations` turns."""
    node = visit.node
    node.setdefault("k", 0)
    while True:
        turn: int = node["k"]
        if "s" not in node:
            if not visit.scope.condition(step.condition, visit.path):
                break
            if turn >= step.max_iterations:
                raise visit.error(
                    "LOOP_LIMIT",
                    Category.LIMIT,
                    f"The condition is still true behind {step.max_iterations} turns.",
                    details={"maxIterations": step.max_iterations},
                )
        outcome = await visit.walk(step.body, frame=visit.frame.at(f"{visit.path}[{turn}]"))
        if isinstance(outcome, Broke):
            node["k"] = turn + 1
            break
        if outcome is not None and not isinstance(outcome, Continued):
            return outcome
        node["k"] = turn + 1
        del node["s"]
    visit.output = {"turns": node["k"]}
    return None
