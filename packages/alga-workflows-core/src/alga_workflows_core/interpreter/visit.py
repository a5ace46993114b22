"""What a step gets to see of the walk while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Protocol

from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.backoff import Backoff
from alga_workflows_core.interpreter.budget import LaneBudget
from alga_workflows_core.interpreter.effects import Effects, StepError
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.holding import Holding
from alga_workflows_core.interpreter.load import Load
from alga_workflows_core.interpreter.open_waits import OpenWaits
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.types.json import Json, JsonObject


class Wake(Enum):
    """Why a blocked step goes on. SETTLED beats READY beats CANCELLED beats DUE."""

    READY = "ready"
    CANCELLED = "cancelled"
    SETTLED = "settled"
    DUE = "due"


class Walker(Protocol):
    """The run, as far as steps use it. `acting`: how many actions are under way; `backoffs`: the
    steps that wait to be tried again, by path; `load`: how much it carries.
    """

    effects: Effects
    zone: str
    meta: JsonObject
    lanes: LaneBudget
    load: Load
    acting: int
    backoffs: dict[str, Backoff]
    waits: OpenWaits

    async def walk(self, steps: Sequence[Step], frame: Frame, node: JsonObject) -> Outcome:
        """Run `steps` from where `node` says; stops at the first that does not go through."""
        ...

    async def block(
        self,
        ready: Callable[[], bool],
        frame: Frame,
        due: datetime | None = None,
        *,
        settle: bool = True,
    ) -> Wake:
        """Wait until `ready()` or `due`, or until the frame is cancelled or the run settles."""
        ...

    async def hold(self, frame: Frame) -> bool:
        """Wait as long as the run is paused; whether it settles meanwhile."""
        ...

    def observe(self, kind: Callable[..., Fact], **fields: Json) -> Fact:
        """Say that something happened now."""
        ...


@dataclass(slots=True, kw_only=True)
class Visit:
    """One execution of one step.

    `path` has loop indices. `frame` is what holds where the step stands, with its own path.
    `held` is the step's part of the cursor and what it holds. `output` is what the step's row shows
    as its output.
    """

    path: str
    step: Step
    held: Holding
    frame: Frame
    run: Walker
    output: Json = None

    @property
    def node(self) -> JsonObject:
        """The step's part of the cursor."""
        return self.held.node

    @property
    def scope(self) -> Scope:
        return self.frame.scope

    @property
    def effects(self) -> Effects:
        return self.run.effects

    def shielded(self) -> Visit:
        """The same where no cancel reaches."""
        return replace(self, frame=self.frame.shielded())

    def error(
        self,
        code: str,
        category: Category,
        message: str,
        *,
        details: JsonObject | None = None,
        cause: ErrorInfo | None = None,
    ) -> StepError:
        """A failure of this step."""
        return StepError(
            ErrorInfo(
                code=code,
                category=category,
                message=message,
                details=details,
                step=self.path,
                cause=cause,
            )
        )

    async def walk(
        self, steps: Sequence[Step], key: str = "s", frame: Frame | None = None
    ) -> Outcome:
        """Run steps inside this one; their position is kept in the node under `key`."""
        return await self.run.walk(steps, frame or self.frame, self.node.setdefault(key, {}))
