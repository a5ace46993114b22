"""What the interpreter says happened. Rows, traces and pages are made of these and nothing else.

`seq` counts from 1 within an epoch of a run and orders facts; `at` is the run's own clock. A fact
that ends something repeats what began it, so that a row can be made from it alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import BY_KIND, Model
from alga_workflows_core.types.states import RunStatus, StepStatus


class FactBase(Model):
    """What all facts have."""

    seq: int
    at: datetime


class RunStarted(FactBase):
    """The run began, with this payload."""

    kind: Literal["run.started"] = "run.started"
    payload: Json


class StepStarted(FactBase):
    """A step began. `path` holds loop indices and is unique in the run."""

    kind: Literal["step.started"] = "step.started"
    path: str
    step_id: str
    type: str
    name: str | None


class StepFinished(FactBase):
    """A step ended. `position` is the seq of its start, `error` is an `ErrorInfo` as JSON."""

    kind: Literal["step.finished"] = "step.finished"
    path: str
    step_id: str
    type: str
    name: str | None
    position: int
    started_at: datetime
    status: StepStatus
    output: Json = None
    error: JsonObject | None = None


class WaitOpened(FactBase):
    """The run waits for something. `key` is unique in the run; `detail` as in `waits.Wait`."""

    kind: Literal["wait.opened"] = "wait.opened"
    path: str
    key: str
    wait: Literal["event", "time", "task", "child", "park"]
    due: datetime | None
    detail: JsonObject


class WaitClosed(FactBase):
    """A wait is over."""

    kind: Literal["wait.closed"] = "wait.closed"
    path: str
    key: str
    outcome: Literal["RESOLVED", "TIMED_OUT", "CANCELED"]


class AttemptFailed(FactBase):
    """An attempt of a step failed and another one follows, at `due`."""

    kind: Literal["attempt.failed"] = "attempt.failed"
    path: str
    attempt: int
    due: datetime
    error: JsonObject


class CallUndone(FactBase):
    """The call at `path` was undone by an action, or `error` says why not."""

    kind: Literal["call.undone"] = "call.undone"
    path: str
    action_id: str
    error: JsonObject | None


class RunLabelled(FactBase):
    """The run has got the label that people see."""

    kind: Literal["run.labelled"] = "run.labelled"
    path: str
    label: str


class RunFinished(FactBase):
    """The run ended. `error` is an `ErrorInfo` as JSON."""

    kind: Literal["run.finished"] = "run.finished"
    status: RunStatus
    result: Json = None
    error: JsonObject | None = None


Fact: TypeAlias = Annotated[
    RunStarted
    | StepStarted
    | StepFinished
    | AttemptFailed
    | WaitOpened
    | WaitClosed
    | CallUndone
    | RunLabelled
    | RunFinished,
    BY_KIND,
]
