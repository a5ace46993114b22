"""`human.task`: ask people. Node: that of `waiting`."""

from __future__ import annotations

from typing import cast

from alga_workflows_core.definition.steps.human_task import TaskConfig, TaskStep
from alga_workflows_core.definition.values import MAX_NAMES, NAME
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.assigning import assign_all
from alga_workflows_core.interpreter.durations import due_of
from alga_workflows_core.interpreter.outcome import Cancelled, Outcome, Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.waiting import next_key, refuse_too_large, wait_for
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.types.json import Json, JsonObject


async def run(step: TaskStep, visit: Visit) -> Outcome:
    """Wait for the answer, then assign.

    StepError `TASK_TIMEOUT` if nobody answers in time, `TASK_DISMISSED` if nobody is to any more.
    """
    config = step.config

    def describe() -> list[Wait]:
        due = due_of(visit, config.timeout, config.timeout_ms)
        detail = _detail(visit, config)
        return [Wait(kind="task", key=next_key(visit), path=visit.path, due=due, detail=detail)]

    waited = await wait_for(visit, visit.held, describe)
    if isinstance(waited, Settled):
        return waited
    reason = visit.frame.cancel.reason
    if waited.wake is Wake.CANCELLED and reason is not None:
        return Cancelled(reason)
    (resolution,) = waited.resolutions
    if resolution is None:
        visit.output = {"timedOut": True}
        if config.on_timeout == "continue":
            return None
        raise visit.error("TASK_TIMEOUT", Category.TIMEOUT, "Nobody answered in time.")
    refuse_too_large(visit, waited)
    if "dismissed" in resolution:
        raise visit.error(
            "TASK_DISMISSED",
            Category.ACTION,
            "The task was dismissed without an answer.",
            details=resolution["dismissed"],
        )
    event: JsonObject = resolution["event"]
    visit.output = event.get("payload")
    assign_all(visit, config.assign, {"event": event})
    return None


def _detail(visit: Visit, config: TaskConfig) -> JsonObject:
    """What people see, decided when the task opens. Times are absolute."""
    due = due_of(visit, config.due_in)
    remind = due_of(visit, config.remind_every)
    now = visit.effects.now()
    return {
        "taskType": config.task_type,
        "title": _text(visit, "title", config.title),
        "description": _text(visit, "description", config.description),
        "form": config.form,
        "assignees": _names(visit, "assignees", config.assignees),
        "candidateGroups": _names(visit, "candidateGroups", config.candidate_groups),
        "dueAt": None if due is None else due.isoformat(),
        "remindEvery": None if remind is None else (remind - now).total_seconds(),
        "escalateTo": _names(visit, "escalateTo", config.escalate_to),
        "quorum": config.quorum or 1,
    }


def _text(visit: Visit, field: str, value: Json) -> str | None:
    found = visit.scope.resolve(value, visit.path)
    if value is None or isinstance(found, str):
        return found
    raise _invalid(visit, f"{field} has to give a text.")


def _names(visit: Visit, field: str, value: Json) -> list[str]:
    found = visit.scope.resolve(value, visit.path)
    names: Json = [found] if isinstance(found, str) else found or []
    if not isinstance(names, list):
        raise _invalid(visit, f"{field} has to give names.")
    distinct: dict[str, None] = {}
    for entry in cast("list[Json]", names):
        if not isinstance(entry, str) or not entry:
            raise _invalid(visit, f"{field} has to give names.")
        if not NAME.fullmatch(entry):
            raise _invalid(visit, f"A name in {field} is one line of 200 characters at most.")
        distinct[entry] = None
    if len(distinct) > MAX_NAMES:
        raise _invalid(visit, f"{field} has to give {MAX_NAMES} names at most.")
    return list(distinct)


def _invalid(visit: Visit, message: str) -> Exception:
    return visit.error("TASK_INVALID", Category.VALIDATION, message)
