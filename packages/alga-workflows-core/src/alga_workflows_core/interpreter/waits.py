"""Waits as data: what a run waits for, and what ended it."""

from __future__ import annotations

from collections.abc import Mapping
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
    - task: what people see. Resolution: `{"event": {…}}`, whose `payload` is the answer
      (`answered_task`), or `{"dismissed": {"by", "reason"}}`.
    - child: `{"workflowId", "workflowVersion", "payload"}`. Resolution: `{"runId", "status",
      "result", "error"}`.
    - park: `{"error"}`. Resolution: `{"do": "retry" | "skip" | "fail", "value"}`.
    """

    kind: WaitKind
    key: str
    path: str
    due: datetime | None
    detail: JsonObject


def answered_task(
    key: str, quorum: int, answers: Mapping[str, Json], by: str, at: datetime
) -> JsonObject:
    """The resolution of the task with this key by what people have answered, the last of them `by`.

    `answers`: each person's, in the order in which they came.
    """
    event: JsonObject = {
        "id": key,
        "name": "TASK_COMPLETED",
        "source": by,
        "correlationKey": None,
        "time": at.isoformat(),
        "payload": _answer(quorum, answers),
    }
    return {"event": event}


def dismissed_task(by: str, reason: str) -> JsonObject:
    """The resolution of a task that nobody is to answer any more."""
    return {"dismissed": {"by": by, "reason": reason}}


def decided(
    kind: str, do: str, value: Json, *, by: str = "operator", quorum: int = 1
) -> JsonObject:
    """The resolution of a wait by an operator. `do` counts for a parked step: retry, skip or fail;
    `value` is its output if it is skipped, else what came: for a task, which needs `quorum`
    answers, the only one."""
    if kind == "park":
        return {"do": do, "value": value}
    if kind in ("event", "task"):
        payload = _answer(quorum, {by: value}) if kind == "task" else value
        event: JsonObject = {"id": "operator", "name": "RESOLVED", "payload": payload}
        return {"match": 0, "event": event}
    if kind == "child":
        return {"runId": None, "status": "SUCCEEDED", "result": value, "error": None}
    return {}


def _answer(quorum: int, answers: Mapping[str, Json]) -> Json:
    """What a run gets to see."""
    given: list[Json] = [{"by": each, "payload": answer} for each, answer in answers.items()]
    return {"answers": given} if quorum > 1 else given[-1]["payload"]
