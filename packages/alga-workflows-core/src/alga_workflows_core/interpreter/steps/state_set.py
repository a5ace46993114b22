"""`state.set`: label the run."""

from __future__ import annotations

from alga_workflows_core.definition.steps.state_set import StateStep
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.facts import RunLabelled
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.visit import Visit

LONGEST = 200


async def run(step: StateStep, visit: Visit) -> Outcome:
    """`meta.state` and what people see; StepError `LABEL_INVALID` if it is no line of text."""
    label = visit.scope.resolve(step.config.state, visit.path)
    if not isinstance(label, str) or not label.strip() or not _fits(label):
        raise visit.error(
            "LABEL_INVALID",
            Category.VALIDATION,
            f"A label is one line of 1 to {LONGEST} characters.",
        )
    visit.run.meta["state"] = visit.output = label
    visit.run.observe(RunLabelled, path=visit.path, label=label)
    return None


def _fits(label: str) -> bool:
    return len(label) <= LONGEST and label.isprintable()
