"""How a step ended. Outcomes are data: a `finally` keeps the one that is pending in its node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Settled:
    """The step stopped where it can go on: its node says how. All others spend the node."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Leaves the nearest loop."""


@dataclass(frozen=True, slots=True)
class Continued:
    """Leaves this turn of the nearest loop."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The run ends with this value."""

    value: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """An error on its way outwards."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What it was part of is cancelled, for this reason."""

    reason: ErrorInfo


Outcome: TypeAlias = Settled | Broke | Continued | Returned | Failed | Cancelled | None
"""None: it went through, and what is behind it comes next."""


def as_json(outcome: Outcome) -> JsonObject:
    """The outcome as a node keeps it; a settled step has none yet."""
    match outcome:
        case None:
            return {"k": "through"}
        case Broke():
            return {"k": "break"}
        case Continued():
            return {"k": "continue"}
        case Returned(value):
            return {"k": "return", "v": value}
        case Failed(error):
            return {"k": "error", "e": error.as_json()}
        case Cancelled(reason):
            return {"k": "cancelled", "e": reason.as_json()}
        case _:
            raise ValueError("a settled step has not ended")


def from_json(value: JsonObject) -> Outcome:
    """What `as_json` made this of."""
    match value["k"]:
        case "through":
            return None
        case "break":
            return Broke()
        case "continue":
            return Continued()
        case "return":
            return Returned(value["v"])
        case "error":
            return Failed(ErrorInfo.from_json(value["e"]))
        case _:
            return Cancelled(ErrorInfo.from_json(value["e"]))
