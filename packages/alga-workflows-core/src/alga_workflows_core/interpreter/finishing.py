"""What a run ends with, once its walk is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Returned
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus

CANCELED = "CANCELED"
RUN_TIMEOUT = "RUN_TIMEOUT"

CheckResult: TypeAlias = Callable[[JsonObject, Json], Awaitable[ErrorInfo | None]]
"""Holds a result against a schema: why it does not fit, or None."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How the run ended. `result` if it SUCCEEDED, else `error`."""

    status: RunStatus
    result: Json
    error: ErrorInfo | None


async def checked(
    outcome: Outcome, schema: JsonObject | None, check: CheckResult | None
) -> Outcome:
    """The outcome, unless it gives a result that does not fit `schema`."""
    if isinstance(outcome, Failed | Cancelled) or schema is None or check is None:
        return outcome
    error = await check(schema, outcome.value if isinstance(outcome, Returned) else None)
    return outcome if error is None else Failed(error)


def how_it_finished(outcome: Outcome) -> Finished:
    """What the outcome of the walk means for the run."""
    match outcome:
        case Failed(error):
            return Finished(RunStatus.FAILED, None, error)
        case Cancelled(reason):
            status = RunStatus.TIMED_OUT if reason.code == RUN_TIMEOUT else RunStatus.CANCELED
            return Finished(status, None, reason)
        case Returned(value):
            return Finished(RunStatus.SUCCEEDED, value, None)
        case _:
            return Finished(RunStatus.SUCCEEDED, None, None)
