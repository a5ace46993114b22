"""Waits as data: what a run waits for, and what ended it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from alga_workflows_core.types.json import Json, JsonObject

WaitKind: TypeAlias = Literal["event", "time", "task", "child", "park"]

PARK = "~park"
"""What the keys of parked steps have behind the path."""

Closing: TypeAlias = Literal["timed_out", "canceled"]
"""Why a run closes a wait that nothing resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that a run waits for. `key` is unique in the run, `path` is the step's.

    `due`: when it ends by itself, UTC. `detail`, by kind, is all that is needed to resolve it:

    - event: `{"matches": [{"eventName", "correlationKey", "filters", "lookback"}], "besides"?}`;
      the first event that meets one of them. One that meets one of `besides`, which other waits of
      the same step look for, is not spent when this wait refuses it: all waits of a step open at
      once, so whichever looks back first must not take it from the others. Resolution:
      `{"match": index, "event": {…}}`.
    - time: `{}`. Resolution: `{}`, before its time.
    - task: what people see. Resolution: `{"event": {…}}`, whose `payload` is the answer.
    - child: `{"workflowId", "workflowVersion", "payload"}`. Resolution: `{"runId", "status",
      "result", "error"}`.
    - park: `{"error"}`. Resolution: `{"do": "retry" | "skip" | "fail", "value"}`.
    """

    kind: WaitKind
    key: str
    path: str
    due: datetime | None
    detail: JsonObject


def decided(kind: str, do: str, value: Json) -> JsonObject:
    """The resolution of a wait by an operator. `do` counts for a parked step: retry, skip or fail;
    `value` is its output if it is skipped, else what came."""
    if kind == "park":
        return {"do": do, "value": value}
    if kind in ("event", "task"):
        event: JsonObject = {"id": "operator", "name": "RESOLVED", "payload": value}
        return {"match": 0, "event": event}
    if kind == "child":
        return {"runId": None, "status": "SUCCEEDED", "result": value, "error": None}
    return {}
