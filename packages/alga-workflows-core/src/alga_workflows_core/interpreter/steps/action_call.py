"""`action.call`: perform one action and keep its output."""

from __future__ import annotations

from typing import cast

from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import JsonObject


async def run(step: ActionStep, visit: Visit) -> Outcome:
    """Perform the action; StepError if its input is no object or it fails for good."""
    config, scope = step.config, visit.scope
    resolved = scope.resolve_input(config.input_mapping, visit.path)
    if not isinstance(resolved.value, dict):
        raise StepError(
            ErrorInfo(
                code="ACTION_INPUT_INVALID",
                category=Category.VALIDATION,
                message="inputMapping has to give an object.",
                step=visit.path,
            )
        )
    visit.output = await visit.effects.perform(
        ActionCall(
            step=visit.path,
            action_id=config.action_id,
            version=config.version,
            input=cast("JsonObject", resolved.value),
            secrets=resolved.secrets,
        )
    )
    if config.save_as is not None:
        scope.assign(config.save_as, visit.output, visit.path)
    return None
