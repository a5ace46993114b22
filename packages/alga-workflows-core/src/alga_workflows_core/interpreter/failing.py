"""Calls from their first attempt to what `onError` makes of a failure for good.

Node: `{"err": the error, while it is parked}`, besides that of `park` and `retrying`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from alga_workflows_core.definition.policies import OnError
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter import undo
from alga_workflows_core.interpreter.catching import because_of, is_fatal
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Settled
from alga_workflows_core.interpreter.park import Decision, park
from alga_workflows_core.interpreter.retrying import Erred, Succeeded, Tried
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json


@dataclass(frozen=True, slots=True)
class Again:
    """The step is to be tried anew."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operator gave the output."""

    output: Json


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The run goes on without an output."""


AfterError: TypeAlias = Again | Skipped | PassedOver | Failed | Settled | Cancelled


async def carry_out(
    visit: Visit,
    on_error: OnError | None,
    attempts: Callable[[], Awaitable[Tried]],
    save_as: str | None,
) -> Outcome:
    """Make the attempts, and again if an operator says so; keep what they give at `save_as`."""
    while True:
        after: Succeeded | AfterError
        if "err" in visit.node:
            after = await parked(visit, ErrorInfo.from_json(visit.node["err"]))
        else:
            tried = await attempts()
            failed = isinstance(tried, Erred)
            after = await _after_error(visit, on_error, tried) if failed else tried
        match after:
            case Succeeded(output) | Skipped(output):
                undo.dropped_if_open(visit)
                visit.output = output
                if save_as is not None:
                    visit.scope.assign(save_as, output, visit.path)
                return None
            case Again():
                continue
            case PassedOver():
                return None
            case Settled():
                return after
            case _:
                undo.dropped_if_open(visit)
                return after


async def _after_error(visit: Visit, on_error: OnError | None, erred: Erred) -> AfterError:
    """What comes next. An unknown outcome is always for people to decide."""
    policy = "fail" if on_error is None or is_fatal(erred.error) else on_error.policy
    if policy == "park" or erred.unknown:
        return await parked(visit, erred.error)
    if on_error is None or policy == "fail":
        return Failed(erred.error)
    undo.dropped_if_open(visit)
    visit.output = {"error": erred.error.as_json()}
    if on_error.save_as is not None:
        visit.scope.assign(on_error.save_as, erred.error.as_json(), visit.path)
    return PassedOver()


async def parked(visit: Visit, error: ErrorInfo) -> AfterError:
    """Park with `error` until an operator decides; it fails if there is no room to park it."""
    if "err" not in visit.node:
        error = visit.held.keep_error("err", error)
    try:
        decision = await park(visit, error)
    except StepError as failure:
        decision = Decision("fail", None)
        error = because_of(failure.info, error)
    if isinstance(decision, Settled):
        return decision
    visit.held.drop("err")
    if isinstance(decision, Cancelled):
        return decision
    if decision.do == "retry":
        visit.node["o"] = visit.node.get("o", 1) + 1
        for name in ("k", "t", "due"):
            visit.node.pop(name, None)
        return Again()
    return Skipped(decision.value) if decision.do == "skip" else Failed(error)
