"""One run of one definition: it walks the tree of steps to its end, or to where it settles.

The position of a run is its cursor: one small JSON object (a node) per composite step that is being
walked, owned by its parent's node. What a composite step decides, it decides once and keeps in its
node; nothing that lasts lives anywhere else. A list of steps keeps `{"i": index, "b": [seq, time]
of the beginning of the step at that index, "n": its node}`. A step without a node has not begun:
there is a safe point in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.expressions.engine import Sources
from alga_workflows_core.interpreter.backoff import Backoff
from alga_workflows_core.interpreter.budget import LaneBudget
from alga_workflows_core.interpreter.cancel import CancelScope
from alga_workflows_core.interpreter.concurrency import beside
from alga_workflows_core.interpreter.durations import due_after
from alga_workflows_core.interpreter.effects import Effects, StepError
from alga_workflows_core.interpreter.facts import (
    Fact,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from alga_workflows_core.interpreter.finishing import (
    CANCELED,
    RUN_TIMEOUT,
    CheckResult,
    Finished,
    checked,
    how_it_finished,
)
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.holding import Holding
from alga_workflows_core.interpreter.load import Load
from alga_workflows_core.interpreter.open_waits import OpenWaits
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Settled
from alga_workflows_core.interpreter.runners import RUNNERS
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.variables import Variables
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.weighing import state_weight
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus, StepStatus

STATE_FORMAT = 1
"""The number of the form in which a settled run is written down."""


class Run:
    """Drives `effects`; knows neither Temporal nor a database.

    `state` is what `settled_state` answered in a former execution, else None: the run begins.
    ValueError if it has another format. `fixed_bytes`: what always travels with it besides the
    payload, its definition and the contracts of its actions. `check_result` holds the result
    against the definition's `resultSchema`; the error, if there is one, is how the run fails.
    """

    def __init__(
        self,
        definition: Definition,
        *,
        payload: Json,
        system: JsonObject,
        effects: Effects,
        state: JsonObject | None = None,
        fixed_bytes: int = 0,
        check_result: CheckResult | None = None,
    ) -> None:
        self._definition = definition
        self._check_result = check_result
        self.effects = effects
        self.zone = definition.zone
        held = state or {}
        if held.get("format", STATE_FORMAT) != STATE_FORMAT:
            raise ValueError(f"the state has format {held['format']}; this reads {STATE_FORMAT}")
        self.lanes = LaneBudget(held.get("lanes", 1))
        self._began = state is not None
        self.cursor: JsonObject = held.get("cursor", {})
        self.meta: JsonObject = held.get("meta", {})
        self._seq: int = held.get("seq", 0)
        self._due: str | None = held.get("due")
        self._paused: bool = held.get("paused", False)
        self._active: dict[str, None] = {}
        self.acting = 0
        self.backoffs: dict[str, Backoff] = {}
        self._settling = False
        self._over = False
        self._cancel = CancelScope()
        if held.get("cancel"):
            self._cancel.cancel(ErrorInfo.from_json(held["cancel"]))
        variables = Variables.from_json(held["vars"]) if "vars" in held else Variables()
        carried = fixed_bytes + encoded_size(payload) + variables.weight
        self.load = Load(carried + state_weight(held))
        self.waits = OpenWaits(self.load, held.get("waits", {}))
        self._scope = Scope(
            payload=payload,
            system=system,
            sources=Sources(now=effects.now, random=effects.random),
            meta=self.meta,
            initial=variables,
            load=self.load,
        )

    @property
    def scope(self) -> Scope:
        """The variables of the run, outside of branches."""
        return self._scope

    @property
    def status(self) -> RunStatus:
        """Where a run stands that has not ended: PAUSED, else PARKED if a step waits for an
        operator, else RUNNING if an action is under way, else WAITING.
        """
        if self._holds():
            return RunStatus.PAUSED
        if self.waits.is_parked:
            return RunStatus.PARKED
        return RunStatus.RUNNING if self.acting else RunStatus.WAITING

    @property
    def steps(self) -> Sequence[str]:
        """Paths of the steps that are under way and have no step under way in them."""
        around = {
            path[:end]
            for path in self._active
            for end, character in enumerate(path)
            if character in "/[~"
        }
        return [path for path in self._active if path not in around]

    def number(self) -> int:
        """The next number in the order of facts, for a batch of them."""
        self._seq += 1
        return self._seq

    async def run(self) -> Finished | Settled:
        """Walk to the end, or until it has settled. Author's errors end in FAILED; only bugs are
        raised.
        """
        self._settling = self._over = False
        if not self._began:
            self._began = True
            self._observe_start()
        outcome = await beside(self._walk_all(), self._watch())
        if isinstance(outcome, Settled):
            return outcome
        schema = self._definition.result_schema
        return self._finish(await checked(outcome, schema, self._check_result))

    def settle(self) -> None:
        """Stop at the next safe points; actions that are under way finish first."""
        self._settling = True

    def pause(self) -> None:
        """Begin no further step until `resume`. Deadlines do not move."""
        self._paused = True

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused = False

    def cancel(self, message: str = "The run was cancelled.", *, code: str = CANCELED) -> None:
        """End it, with its clean-up; a second time changes nothing. A long message is cut."""
        category = Category.TIMEOUT if code == RUN_TIMEOUT else Category.CANCELLED
        self._cancel.cancel(ErrorInfo(code=code, category=category, message=message[:1000]))

    def settled_state(self) -> JsonObject:
        """All that another execution needs to go on, as JSON. Only when `run` has settled."""
        reason = self._cancel.reason
        return {
            "format": STATE_FORMAT,
            "cursor": self.cursor,
            "vars": self._scope.variables.as_json(),
            "meta": self.meta,
            "seq": self._seq,
            "lanes": self.lanes.taken,
            "due": self._due,
            "waits": self.waits.held,
            "paused": self._paused,
            "cancel": None if reason is None else reason.as_json(),
        }

    # -- what steps use -----------------------------------------------------------------------

    async def walk(self, steps: Sequence[Step], frame: Frame, node: JsonObject) -> Outcome:
        """Run `steps` from where `node` says; stops at the first that does not go through."""
        node.setdefault("i", 0)
        while (index := cast("int", node["i"])) < len(steps):
            step = steps[index]
            if "n" not in node:
                stopped = await self._safe_point(frame)
                if stopped is not None:
                    return stopped
            outcome = await self._enter(step, frame, node)
            if outcome is not None:
                return outcome
            node["i"] = index + 1
            del node["n"], node["b"]
        return None

    async def block(
        self,
        ready: Callable[[], bool],
        frame: Frame,
        due: datetime | None = None,
        *,
        settle: bool = True,
    ) -> Wake:
        """Wait until `ready()` or `due`, or until the frame is cancelled or the run settles."""

        def wakes() -> bool:
            return ready() or frame.cancel.reason is not None or (settle and self._settling)

        if not wakes():
            await self.effects.wait_until(wakes, due, frame.place, frame.path)
        if settle and self._settling:
            return Wake.SETTLED
        if ready():
            return Wake.READY
        return Wake.DUE if frame.cancel.reason is None else Wake.CANCELLED

    def observe(self, kind: Callable[..., Fact], **fields: Json) -> Fact:
        """Say that something happened now."""
        fact = kind(seq=self.number(), at=self.effects.now(), **fields)
        self.effects.observe(fact)
        return fact

    # -----------------------------------------------------------------------------------------

    async def _safe_point(self, frame: Frame) -> Outcome:
        if await self.effects.safe_point():
            self._settling = True
        while True:
            reason = frame.cancel.reason
            if reason is not None:
                return Cancelled(reason)
            if self._settling:
                return Settled()
            if not self._holds():
                return None
            await self.hold(frame)

    async def hold(self, frame: Frame) -> bool:
        """Wait as long as the run is paused; whether it settles meanwhile."""
        if not self._holds() and not self._settling:
            return False
        return await self.block(lambda: not self._holds(), frame) is Wake.SETTLED

    def _holds(self) -> bool:
        """Whether steps wait for `resume`. Those that clean up after a cancel do not."""
        return self._paused and self._cancel.reason is None

    async def _enter(self, step: Step, frame: Frame, node: JsonObject) -> Outcome:
        path = f"{frame.path}/{step.id}" if frame.path else step.id
        begins = "n" not in node
        if begins:
            fields = {"path": path, "step_id": step.id, "type": step.type, "name": step.name}
            started = self.observe(StepStarted, **fields)
            node["b"] = [started.seq, started.at.isoformat()]
            node["n"] = {}
        self._active[path] = None
        inner = cast("JsonObject", node["n"])
        held = Holding.new(inner, self.load, path) if begins else Holding.of(inner, self.load, path)
        visit = Visit(path=path, step=step, held=held, frame=frame.at(path), run=self)
        outcome: Outcome
        try:
            if begins:
                held.begin(step.type)
            outcome = await RUNNERS[step.type](step, visit)
        except StepError as error:
            outcome = Failed(error.info)
        self._active.pop(path, None)
        if not isinstance(outcome, Settled):
            held.share.free()
            self._ended(visit, outcome, cast("list[Json]", node["b"]))
        return outcome

    def _ended(self, visit: Visit, outcome: Outcome, began: list[Json]) -> None:
        status, failure = StepStatus.SUCCEEDED, None
        if isinstance(outcome, Failed):
            status, failure = StepStatus.FAILED, outcome.error.as_json()
        elif isinstance(outcome, Cancelled):
            status, failure = StepStatus.CANCELED, outcome.reason.as_json()
        self.observe(
            StepFinished,
            path=visit.path,
            step_id=visit.step.id,
            type=visit.step.type,
            name=visit.step.name,
            position=began[0],
            started_at=datetime.fromisoformat(began[1]),
            status=status,
            output=visit.output,
            error=failure,
        )

    def _observe_start(self) -> None:
        self.observe(RunStarted, payload=self._scope.payload)
        definition = self._definition
        now = self.effects.now()
        if definition.timeout_ms is not None:
            self._due = (now + timedelta(milliseconds=definition.timeout_ms)).isoformat()
        elif definition.timeout is not None:
            self._due = due_after(definition.timeout, now, self.zone).isoformat()

    async def _walk_all(self) -> Outcome:
        # Of what happens at the same moment, the end of the run's time is the first.
        frame = Frame(path="", scope=self._scope, cancel=self._cancel, place=(0,))
        outcome = await self.walk(self._definition.steps, frame, self.cursor)
        self._over = True
        return outcome

    async def _watch(self) -> None:
        """Cancel the run when its time is over."""
        if self._due is None:
            return
        due = datetime.fromisoformat(self._due)
        await self.effects.wait_until(lambda: self._over, due, what=RUN_TIMEOUT)
        if not self._over:
            self.cancel("The run took longer than its timeout.", code=RUN_TIMEOUT)

    def _finish(self, outcome: Outcome) -> Finished:
        finished = how_it_finished(outcome)
        self.observe(
            RunFinished,
            status=finished.status,
            result=finished.result,
            error=None if finished.error is None else finished.error.as_json(),
        )
        return finished
