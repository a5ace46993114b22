"""Parking: a step holds its branch until an operator says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.outcome import Cancelled, Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.waiting import next_key, too_large, wait_for
from alga_workflows_core.interpreter.waits import PARK, Wait
from alga_workflows_core.types.json import Json

Deed: TypeAlias = Literal["retry", "skip", "fail"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the operator wants. `value` counts for `skip`: the output of the step."""

    do: Deed
    value: Json


async def park(visit: Visit, error: ErrorInfo) -> Decision | Settled | Cancelled:
    """Wait for an operator, without limit. The node keeps `{"park": open wait}` meanwhile.

    A decision with a value that the run cannot carry is none: the step is parked again. StepError
    `SIZE_LIMIT` if there is no room to park it.
    """

    def describe() -> list[Wait]:
        key = next_key(visit, PARK)
        detail = {"error": error.as_json()}
        return [Wait(kind="park", key=key, path=visit.path, due=None, detail=detail)]

    while True:
        try:
            waited = await wait_for(visit, visit.held.inside("park"), describe, places=True)
        except StepError:
            del visit.node["park"]
            raise
        if isinstance(waited, Settled):
            return waited
        del visit.node["park"]
        if waited.wake is Wake.CANCELLED or too_large(visit, waited) is None:
            break
    (resolution,) = waited.resolutions
    reason = visit.frame.cancel.reason
    if resolution is None or (waited.wake is Wake.CANCELLED and reason is not None):
        return Cancelled(reason or error)
    return Decision(resolution["do"], resolution.get("value"))
