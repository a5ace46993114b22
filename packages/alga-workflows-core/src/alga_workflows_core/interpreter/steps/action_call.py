"""`action.call`: perform one action and keep its output.

Node: that of `retrying` and of `failing`, `{"o": series of attempts, "in", "sec": input,
"idk": idempotency key, "to": seconds for an attempt}`.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter import undo
from alga_workflows_core.interpreter.durations import due_of
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.interpreter.failing import carry_out
from alga_workflows_core.interpreter.outcome import Cancelled, Outcome, Settled
from alga_workflows_core.interpreter.performing import perform
from alga_workflows_core.interpreter.retrying import Erred, Succeeded, Tried, try_until
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import JsonObject


async def run(step: ActionStep, visit: Visit) -> Outcome:
    """Perform the action, again as its policy says; then what `onError` says."""
    return await carry_out(
        visit, step.on_error, lambda: _attempts(step, visit), step.config.save_as
    )


async def _attempts(step: ActionStep, visit: Visit) -> Tried:
    node = visit.node
    try:
        if "in" not in node:
            _decide_input(step, visit)
        undo.register(visit, step.config.compensate)
    except StepError as error:
        visit.held.drop("in", "sec", "idk", "to")
        return Erred(error.info)

    async def once(number: int) -> Tried:
        tried = await perform(visit, _call(step, visit, number))
        if isinstance(tried, Succeeded):
            undo.completed(visit, step.config.compensate, "succeeded", tried.output)
        elif tried.unknown:
            undo.completed(visit, step.config.compensate, "unknown", None)
        reason = visit.frame.cancel.reason
        return tried if reason is None else Cancelled(reason)

    tried = await try_until(visit, step.retry, once)
    if not isinstance(tried, Settled):
        visit.held.drop("in", "sec", "idk", "to")
    if isinstance(tried, Cancelled):
        undo.dropped_if_open(visit)
    return tried


def _decide_input(step: ActionStep, visit: Visit) -> None:
    resolved = visit.scope.resolve_input(step.config.input_mapping, visit.path)
    if not isinstance(resolved.value, dict):
        raise visit.error(
            "ACTION_INPUT_INVALID", Category.VALIDATION, "inputMapping has to give an object."
        )
    key = visit.scope.resolve(step.config.idempotency_key, visit.path)
    wants_key = step.config.idempotency_key is not None
    if wants_key and (not isinstance(key, str) or not key.strip()):
        raise visit.error(
            "IDEMPOTENCY_KEY_INVALID", Category.VALIDATION, "idempotencyKey has to give a text."
        )
    due = due_of(visit, step.config.timeout, step.config.timeout_ms)
    timeout = None if due is None else (due - visit.effects.now()).total_seconds()
    visit.held.keep(
        {"in": cast("JsonObject", resolved.value), "sec": dict(resolved.secrets), "idk": key}
    )
    visit.node["to"] = timeout


def _call(step: ActionStep, visit: Visit, number: int) -> ActionCall:
    node, config = visit.node, step.config
    return ActionCall(
        step=visit.path,
        action_id=config.action_id,
        version=config.version,
        input=node["in"],
        secrets=node["sec"],
        series=visit.series,
        attempt=number,
        retry=step.retry,
        first_at=datetime.fromisoformat(node["t"]),
        idempotency_key=node["idk"],
        timeout=node["to"],
    )
