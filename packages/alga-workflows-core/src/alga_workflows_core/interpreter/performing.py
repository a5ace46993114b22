"""Performing an action: one attempt from its start to a known, or an unknown, outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import bounded, is_fatal
from alga_workflows_core.interpreter.effects import ActionCall, Attempt
from alga_workflows_core.interpreter.retrying import Erred, Succeeded
from alga_workflows_core.interpreter.visit import Visit, Wake

GRACE = timedelta(seconds=2)
"""How long a cancelled action may take to end; then it is abandoned."""


async def perform(visit: Visit, call: ActionCall) -> Succeeded | Erred:
    """The outcome of one attempt. When the step is cancelled the action is asked to stop."""
    attempt = visit.effects.start(call)
    visit.run.acting += 1
    await _until_over(visit, attempt)
    visit.run.acting -= 1
    if not attempt.done:
        message = "The action was abandoned when its step was cancelled."
        error = ErrorInfo(
            code="ACTION_ABANDONED", category=Category.CANCELLED, message=message, step=visit.path
        )
        return Erred(error, unknown=True)
    if attempt.error is None:
        return Succeeded(attempt.output)
    error = replace(
        attempt.error, step=visit.path, attempt=max(attempt.error.attempt, call.attempt)
    )
    if is_fatal(error):
        # What an action says is recorded, so it is the same when the run is replayed.
        error = replace(error, category=Category.ACTION)
    return Erred(bounded(error), unknown=attempt.unknown)


async def _until_over(visit: Visit, attempt: Attempt) -> None:
    wake = await visit.run.block(lambda: attempt.done, visit.frame, settle=False)
    if wake is Wake.CANCELLED:
        attempt.cancel()
        due = visit.effects.now() + GRACE
        await visit.effects.wait_until(lambda: attempt.done, due, visit.frame.place)
