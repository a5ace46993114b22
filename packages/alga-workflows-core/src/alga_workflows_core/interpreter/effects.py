"""The world as the interpreter sees it. Temporal and the simulator each implement this once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.waits import Closing, Wait
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One attempt of an action. `step` is the path with loop indices, `series` tells calls of one
    step apart (an operator's retry begins a new one), `attempt` counts from 1 in its series.

    `secrets` says which secrets belong into the input: JSON Pointer to name. Each pointer leads to
    a null, where whoever performs the action puts the secret, at the last moment. Nothing in
    `input` itself refers to a secret, whatever it looks like: it is data.

    `retry`: the document's policy; None: the action's own. The world may make several attempts by
    it, those with short delays between them; the outcome tells how many (`ErrorInfo.attempt`).
    `first_at`: when attempt 1 began, which `maxElapsed` counts from.
    """

    step: str
    action_id: str
    version: int
    input: JsonObject
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    series: int = 1
    attempt: int = 1
    retry: RetryPolicy | None = None
    first_at: datetime | None = None
    idempotency_key: str | None = None
    timeout: float | None = None


class StepError(Exception):
    """A step failed; `info` says why. Raised inside a step, turned into an outcome by the walk."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(f"{info.code}: {info.message}")
        self.info = info


class Attempt(Protocol):
    """An action under way."""

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""
        ...

    @property
    def output(self) -> Json:
        """What the action answered, if it is done and there is no `error`."""
        ...

    @property
    def error(self) -> ErrorInfo | None:
        """How it failed, if it is done."""
        ...

    @property
    def unknown(self) -> bool:
        """Whether it may have taken effect although there is an `error`."""
        ...

    def cancel(self) -> None:
        """Ask it to stop. It may still succeed."""
        ...


class Effects(Protocol):
    """What the interpreter may ask of the world."""

    def now(self) -> datetime:
        """The run's clock, UTC; the same again when the run is replayed."""
        ...

    def random(self) -> float:
        """The run's seeded chance, 0 <= x < 1."""
        ...

    def observe(self, fact: Fact) -> None:
        """Take note of a fact. Never blocks, never fails; facts become rows in batches."""
        ...

    async def safe_point(self) -> bool:
        """Called before each step; whether the run should settle here. It may take its time."""
        ...

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),
        what: str | None = None,
    ) -> None:
        """Return when `ready()`, or when it is `due`. `what`: the step that waits, for people.

        `place` is where the document has what waits. A world that is free to choose who goes on
        first takes the least one, so that the order does not depend on what happened before.
        """
        ...

    async def business_due(self, duration: str, calendar: str | None) -> datetime:
        """When the working time `duration` that begins now is over, in UTC.

        `calendar` is its name; None is the tenant's own. StepError without a step:
        `CALENDAR_UNKNOWN`, or `DURATION_INVALID` if that is no working time.
        """
        ...

    def start(self, call: ActionCall) -> Attempt:
        """Begin to perform an action."""
        ...

    async def open_wait(self, wait: Wait) -> JsonObject | None:
        """Make a wait durable; for a child, start it. Answers the resolution if there is one.

        Later ones come through `Interpreter.resolve`. Opening a wait again changes nothing.
        """
        ...

    async def close_wait(self, wait: Wait, closing: Closing) -> JsonObject | None:
        """End a wait; answers the resolution if one came first. A child is asked to cancel, and
        its end is the answer.
        """
        ...

    async def detach(self, wait: Wait) -> JsonObject:
        """Start a child that nobody waits for; `{"runId"}` or `{"error"}`."""
        ...
