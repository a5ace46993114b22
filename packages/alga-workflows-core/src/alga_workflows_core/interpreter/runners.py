"""Which module runs which type of step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.steps import (
    action_call,
    assign,
    break_,
    call_workflow,
    continue_,
    event_wait,
    for_each,
    human_task,
    if_,
    parallel,
    return_,
    saga,
    state_set,
    switch,
    throw,
    time_wait,
    try_catch,
    while_,
)
from alga_workflows_core.interpreter.visit import Visit

RUNNERS: Mapping[str, Callable[[Any, Visit], Awaitable[Outcome]]] = MappingProxyType(
    {
        "action.call": action_call.run,
        "control.break": break_.run,
        "control.callWorkflow": call_workflow.run,
        "control.continue": continue_.run,
        "control.forEach": for_each.run,
        "control.if": if_.run,
        "control.parallel": parallel.run,
        "control.return": return_.run,
        "control.saga": saga.run,
        "control.switch": switch.run,
        "control.throw": throw.run,
        "control.tryCatch": try_catch.run,
        "control.while": while_.run,
        "event.wait": event_wait.run,
        "human.task": human_task.run,
        "state.set": state_set.run,
        "time.wait": time_wait.run,
        "transform.assign": assign.run,
    }
)
"""By the step's `type`."""
