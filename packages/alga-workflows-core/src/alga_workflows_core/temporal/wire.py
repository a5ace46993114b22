"""What travels between clients, workflow and activities. Changing a field changes histories."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
)

from alga_workflows_core.definition.action_spec import PinnedAction
from alga_workflows_core.definition.events import EventName
from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.waits import Closing, WaitKind
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Line, Model
from alga_workflows_core.types.states import RunStatus


class Lineage(Model):
    """Where a run comes from that another one has started. `parent_wait_id` None: nobody waits for
    it. `root_run_id`: the first of them all; `depth`: how many runs are above it.
    """

    parent_run_id: UUID
    parent_wait_id: UUID | None = None
    root_run_id: UUID
    depth: int


class RunIdentity(Model):
    """Which run this is; enough to make its row. `lineage` None: no run has started it."""

    run_id: UUID
    tenant_id: str
    workflow_id: str
    workflow_version: int
    trigger_type: str
    execution_key: str
    epoch: int = 0
    created_by: str = "temporal"
    lineage: Lineage | None = None

    @model_serializer(mode="wrap")
    def _without_absent_lineage(self, write: SerializerFunctionWrapHandler) -> JsonObject:
        # Histories of runs that no run has started do not know the field.
        written: JsonObject = write(self)
        if self.lineage is None:
            written.pop("lineage", None)
        return written

    def row_lineage(self) -> JsonObject:
        """The columns of the run's row that tell where it comes from."""
        return {} if self.lineage is None else self.lineage.model_dump(by_alias=False)


class RunInput(RunIdentity):
    """The start input of a run. The definition travels with it.

    Of a run that goes on in another execution, `state` is how it stood (`Run.settled_state`), and
    `started_at` when its first execution began.
    """

    engine: int
    expression_engine: str
    payload: Json = None
    definition: JsonObject
    actions: list[PinnedAction]
    state: JsonObject | None = None
    started_at: datetime | None = None

    def identity(self) -> RunIdentity:
        return RunIdentity(**{name: getattr(self, name) for name in RunIdentity.model_fields})


def fixed_bytes(start: RunInput) -> int:
    """Bytes of what every execution of a run is started with besides payload and state."""
    contracts = [action.model_dump(mode="json", by_alias=True) for action in start.actions]
    return encoded_size(start.definition) + encoded_size(contracts)


class Batch(Model):
    """Facts to be written as rows, and where the run stood when it sent them.

    `seq` is above that of every fact in it, and of every batch that the run sent before.
    """

    seq: int
    status: RunStatus
    facts: list[Fact]


class PerformRequest(Model):
    """One action to perform until its outcome is known, and the facts that ride with it.

    `step` is the path with loop indices; `series` tells calls of one step apart. `secrets`: JSON
    Pointer into `input`, where null stands, to the name of the secret that belongs there.
    `attempt` is the number of the first attempt to be made here, `first_at` when attempt 1 began,
    `retry` the document's policy (None: the action's own). `idempotency_key` is the authored one.
    `timeout`: seconds for an attempt, where the document says. No `batch` on foreign queues.
    """

    run: RunIdentity
    temporal_run_id: str
    step: str
    series: int
    action_id: str
    version: int
    input: JsonObject
    secrets: dict[str, str] = Field(default_factory=dict[str, str])
    attempt: int = 1
    first_at: datetime | None = None
    retry: RetryPolicy | None = None
    idempotency_key: str | None = None
    timeout: float | None = None
    batch: Batch | None = None

    @field_serializer("retry")
    def _without_nulls(self, retry: RetryPolicy | None) -> JsonObject | None:
        # A part of a document refuses null for what is absent.
        return None if retry is None else retry.model_dump(by_alias=True, exclude_none=True)


class PerformResult(Model):
    """`flushed` is false when the facts could not be written; the run keeps them then.

    `attempt` is the number of the one that succeeded.
    """

    output: Json = None
    attempt: int = 1
    flushed: bool


class PerformFailure(Model):
    """How an action failed: the one detail of the ApplicationError that says so.

    `unknown`: it may have taken effect all the same. `error` is an `ErrorInfo` as JSON.
    """

    error: JsonObject
    unknown: bool = False
    flushed: bool = False


class CheckRequest(Model):
    """A result to be held against a definition's `resultSchema`."""

    result_schema: JsonObject
    result: Json = None


class CheckAnswer(Model):
    """Why the result does not fit, an `ErrorInfo` as JSON; None if it does."""

    error: JsonObject | None = None


class OpenedWait(Model):
    """A wait to be made durable; see `interpreter.waits.Wait`."""

    id: UUID
    key: str
    path: str
    kind: WaitKind
    due: datetime | None
    detail: JsonObject
    at: datetime


class ClosedWait(Model):
    """A wait that the run ends, unless something has ended it before."""

    id: UUID
    closing: Closing
    at: datetime


class SignalledEvent(Model):
    """An event that somebody has told the run by a signal. `number`: the how manieth it is of its
    execution. `event_id` None: nobody said which event it is. `too_large`: the bytes of the
    payload, which was left out.
    """

    number: int
    event_name: str
    correlation_key: str | None = None
    event_id: str | None = None
    payload: Json = None
    too_large: int | None = None


class FlushRequest(Model):
    """What is to be written before the run goes on: facts and events, then a wait that opens or
    closes, or a child that is started and not waited for.

    `work` is how many milliseconds the workflow's own code has worked since it last asked.
    `checkpoint`: of a run that is going to fail, where a retry goes on (`interpreter.checkpoints`).
    """

    run: RunIdentity
    temporal_run_id: str
    batch: Batch
    opens: OpenedWait | None = None
    closes: ClosedWait | None = None
    detaches: OpenedWait | None = None
    work: int = 0
    events: list[SignalledEvent] = Field(default_factory=list[SignalledEvent])
    checkpoint: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, write: SerializerFunctionWrapHandler) -> JsonObject:
        # Histories of runs that nobody has told events, or that do not fail, know neither field.
        written: JsonObject = write(self)
        if not self.events:
            written.pop("events", None)
        if self.checkpoint is None:
            written.pop("checkpoint", None)
        return written


class FlushResult(Model):
    """What has ended the wait, if something has, or what has become of a detached child
    (`Effects.detach`); and `work` as it was sent.

    `still_open`: the wait that was to be closed ends when something else does, which is told then.
    """

    resolution: JsonObject | None = None
    still_open: bool = False
    work: int = 0


class WorkingTimeRequest(Model):
    """When working time that begins `now` is over; see `Effects.business_due`."""

    run: RunIdentity
    calendar: str | None
    duration: str
    now: datetime


class WorkingTimeResult(Model):
    """Either of them. `error` is an `ErrorInfo` as JSON."""

    due: datetime | None = None
    error: JsonObject | None = None


class WakeSignal(Model):
    """Something has ended a wait. One for a wait that is not open does nothing."""

    wait_id: UUID
    resolution: JsonObject


class EventSignal(Model):
    """An event for one run, as callers tell it who know of no wait. What else they say is not
    kept. `task_id` is the key where there is no other."""

    model_config = ConfigDict(extra="ignore")

    event_name: EventName
    correlation_key: Annotated[Line, Field(max_length=512)] | None = None
    task_id: Annotated[Line, Field(max_length=512)] | None = None
    event_id: Annotated[Line, Field(max_length=512)] | None = None
    payload: Json = None


class ControlSignal(Model):
    """What an operator wants of a run. `tell`: that it writes its rows again."""

    do: Literal["pause", "resume", "tell"]
