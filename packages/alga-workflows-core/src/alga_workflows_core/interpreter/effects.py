"""The world as the interpreter sees it. Temporal and the simulator each implement this once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One action to perform. `step` is the path with loop indices: the call's identity.

    `secrets` says which secrets belong into the input: JSON Pointer to name. Each pointer leads to
    a null, where whoever performs the action puts the secret, at the last moment. Nothing in
    `input` itself refers to a secret, whatever it looks like: it is data.
    """

    step: str
    action_id: str
    version: int
    input: JsonObject
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])


class StepError(Exception):
    """A step failed; `info` says why. Raised inside a step, turned into an outcome by the walk."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(f"{info.code}: {info.message}")
        self.info = info


class Effects(Protocol):
    """What a step may ask of the world."""

    def now(self) -> datetime:
        """The run's clock, UTC; the same again when the run is replayed."""
        ...

    def random(self) -> float:
        """The run's seeded chance, 0 <= x < 1."""
        ...

    def observe(self, fact: Fact) -> None:
        """Take note of a fact. Never blocks, never fails; facts become rows in batches."""
        ...

    async def perform(self, call: ActionCall) -> Json:
        """The action's output as JSON; StepError when it failed for good."""
        ...
