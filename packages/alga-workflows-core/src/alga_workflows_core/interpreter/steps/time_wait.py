"""`time.wait`: wait for a time. Node: `{"until": the time}`, and that of `waiting`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alga_workflows_core.definition.steps.time_wait import (
    TimeWaitStep,
    WaitBusinessTime,
    WaitUntil,
)
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.durations import due_of, moment_of
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.outcome import Cancelled, Outcome, Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.waiting import next_key, wait_for
from alga_workflows_core.interpreter.waits import Wait


async def run(step: TimeWaitStep, visit: Visit) -> Outcome:
    """Wait; a time that has passed is no wait."""
    node = visit.node
    if "until" not in node:
        node["until"] = (await _due(step, visit)).isoformat()
    visit.output = {"until": node["until"]}
    due = datetime.fromisoformat(node["until"])
    if "ws" not in node and due <= visit.effects.now():
        return None

    def describe() -> list[Wait]:
        return [Wait(kind="time", key=next_key(visit), path=visit.path, due=due, detail={})]

    waited = await wait_for(visit, visit.held, describe)
    if isinstance(waited, Settled):
        return waited
    reason = visit.frame.cancel.reason
    return Cancelled(reason) if waited.wake is Wake.CANCELLED and reason is not None else None


async def _due(step: TimeWaitStep, visit: Visit) -> datetime:
    config = step.config
    if isinstance(config, WaitUntil):
        return moment_of(visit, config.until)
    if isinstance(config, WaitBusinessTime):
        return await _business_due(config, visit)
    due = due_of(visit, config.duration, config.duration_ms)
    # The document has one of the two.
    return visit.effects.now() if due is None else due


async def _business_due(config: WaitBusinessTime, visit: Visit) -> datetime:
    duration = visit.scope.resolve(config.duration, visit.path)
    if not isinstance(duration, str):
        message = "Working time is a text as in PT8H or P2D."
        raise visit.error("DURATION_INVALID", Category.VALIDATION, message)
    try:
        return await visit.effects.business_due(duration, config.calendar)
    except StepError as error:
        raise StepError(replace(error.info, step=visit.path)) from error
