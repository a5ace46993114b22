"""Lanes: blocks that run at the same time, each with variables of its own.

Lanes begin in declared order; they are stopped by a cancel scope that they look at, never from
outside. Node: `{"next": index that begins
next, "lim": how many at a time, "run": {index: {"n": node of its steps, "v": its writes}}, "fin":
{index: writes of one that has ended}, "out": outcome for which the others were stopped, "cut":
whether one was cancelled}`. Writes are there while settled only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter import outcome as outcomes
from alga_workflows_core.interpreter.cancel import CancelScope
from alga_workflows_core.interpreter.catching import is_fatal
from alga_workflows_core.interpreter.concurrency import all_of
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Settled
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.interpreter.weighing import LANE_ROOM
from alga_workflows_core.types.json import Json, JsonObject

SIBLING = ErrorInfo(
    code="SIBLING_ENDED",
    category=Category.CANCELLED,
    message="Another branch decided the outcome.",
)


@dataclass(frozen=True, slots=True)
class Stop:
    """The lanes that still run are cancelled, and this is what becomes of them all."""

    outcome: Outcome


WalkLane: TypeAlias = Callable[[int, Frame, JsonObject], Awaitable[Outcome]]
LaneEnded: TypeAlias = Callable[[int, Outcome, Scope], Stop | None]


@dataclass(slots=True, kw_only=True)
class Lanes:
    """`count` lanes, all at the same time, or of a loop as many as it wants and the run has left.

    `walk` runs the lane with an index in its frame, from its node. `ended` is told how it ended and
    says whether all stop; it is not asked about lanes that were stopped. `deals`: whether an error
    of a lane is not one of all.
    """

    visit: Visit
    count: int
    walk: WalkLane
    ended: LaneEnded
    deals: Callable[[ErrorInfo], bool]
    wanted: int | None = None
    _scopes: dict[int, Scope] = field(default_factory=dict[int, Scope])
    _cancel: CancelScope = field(init=False)

    def __post_init__(self) -> None:
        self._cancel = CancelScope(self.visit.frame.cancel)

    async def run(self) -> Outcome:
        """None when all have ended; Settled; or the outcome with which they were stopped."""
        node = self._node
        running: JsonObject = node.setdefault("run", {})
        node.setdefault("next", 0)
        self._restore()
        if "out" in node:
            self._stop(outcomes.from_json(node["out"]))
        budget = self.visit.run.lanes
        if "lim" not in node:
            loop = self.wanted is not None
            granted = (budget.for_loop if loop else budget.for_branches)(self._at_most)
            node["lim"] = granted
            # It has room: what the step holds was taken as data just now, which may have less.
            self.visit.held.share.place(LANE_ROOM * granted, self.visit.path)
        first = sorted(int(index) for index in running)
        while len(first) < node["lim"] and (index := self._take()) is not None:
            first.append(index)
        checkpoints = self.visit.run.checkpoints
        checkpoints.opened(self.visit.path, self)
        await all_of(self._work(index) for index in first)
        checkpoints.closed(self.visit.path)
        if running:
            self.keep()
            return Settled()
        budget.give_back(node["lim"])
        for scope in self._scopes.values():
            # From here on there is no one to wait for: they are joined, or dropped.
            scope.free()
        if "out" in node:
            return outcomes.from_json(node["out"])
        reason = self.visit.frame.cancel.reason
        if reason is not None and node["next"] < self.count:
            return Cancelled(reason)
        return self._cancelled_outside()

    def joined(self, *indices: int) -> list[Scope]:
        """The scopes of lanes that have ended, in the order given; of all, if none is."""
        chosen = indices or sorted(self._scopes)
        return [self._scopes[index] for index in chosen if index in self._scopes]

    @property
    def _at_most(self) -> int:
        return max(1, self.count if self.wanted is None else min(self.wanted, self.count))

    @property
    def _node(self) -> JsonObject:
        return self.visit.node

    def _cancelled_outside(self) -> Outcome:
        reason = self.visit.frame.cancel.reason
        return Cancelled(reason) if reason is not None and self._node.get("cut") else None

    async def _work(self, first: int) -> None:
        """Walk one lane after the other, until there is none or the run settles."""
        index: int | None = first
        while index is not None and not await self._walk(index):
            index = self._take()

    def _take(self) -> int | None:
        node = self._node
        index: int = node["next"]
        if "out" in node or index >= self.count or self._cancel.reason is not None:
            return None
        node["next"] = index + 1
        node["run"][str(index)] = {"n": {}}
        return index

    async def _walk(self, index: int) -> bool:
        """Whether it settled."""
        running = self._node["run"]
        scope = self._scopes.setdefault(index, self.visit.scope.branch())
        place = (*self.visit.frame.place, index)
        frame = replace(self.visit.frame, scope=scope, cancel=self._cancel, place=place).dealing(
            self._deals
        )
        await self.visit.effects.wait_until(_at_once, None, place)
        outcome = await self.walk(index, frame, running[str(index)]["n"])
        if isinstance(outcome, Settled):
            return True
        stop = self._ended(index, outcome, scope)
        del running[str(index)]
        if isinstance(outcome, Cancelled):
            self._node["cut"] = True
        if isinstance(outcome, Cancelled) or not scope.variables.written:
            # What a cancelled branch wrote is dropped.
            self._scopes.pop(index).free()
        if stop is not None:
            self._stop(self.visit.held.keep_outcome(stop.outcome))
        return False

    def _ended(self, index: int, outcome: Outcome, scope: Scope) -> Stop | None:
        """Whether all stop. That they have been stopped is not changed by how one of them ends."""
        if isinstance(outcome, Failed) and is_fatal(outcome.error):
            return Stop(outcome)
        if "out" in self._node or isinstance(outcome, Cancelled):
            return None
        deals = self.visit.frame.dealing(self._deals).deals
        return how_it_ended(
            self.ended,
            index,
            outcome,
            scope,
            lambda error: self.visit.run.fails(error, deals),
        )

    def _deals(self, error: ErrorInfo) -> bool:
        """What was stopped is not changed by how a lane ends."""
        return "out" in self._node or self.deals(error)

    def _stop(self, outcome: Outcome) -> None:
        self._cancel.cancel(outcome.error if isinstance(outcome, Failed) else SIBLING)

    def keep(self) -> None:
        """Write down what branches wrote, so that they can go on elsewhere."""
        running: JsonObject = self._node["run"]
        finished: JsonObject = {}
        for index, scope in self._scopes.items():
            writes: list[Json] = scope.variables.as_json()["writes"]
            if not writes:
                continue
            if str(index) in running:
                running[str(index)]["v"] = writes
            else:
                finished[str(index)] = writes
        self._node["fin"] = finished

    def unkeep(self) -> None:
        """Take it out of the node again: they go on here."""
        self._node.pop("fin", None)
        for lane in cast("JsonObject", self._node["run"]).values():
            lane.pop("v", None)

    def _restore(self) -> None:
        kept: list[tuple[str, Json]] = list(cast("JsonObject", self._node.pop("fin", {})).items())
        kept += [(index, lane.pop("v", [])) for index, lane in self._node["run"].items()]
        for index, writes in kept:
            self._scopes[int(index)] = self.visit.scope.branch(writes)


def how_it_ended(
    ended: LaneEnded,
    index: int,
    outcome: Outcome,
    scope: Scope,
    failed: Callable[[ErrorInfo], None],
) -> Stop | None:
    """What `ended` says. If what the lane gives cannot be had, that is how it failed, and
    `failed` is told."""
    try:
        return ended(index, outcome, scope)
    except StepError as error:
        failed(error.info)
        try:
            return ended(index, Failed(error.info), scope)
        except StepError as failure:
            # Not even that can be kept.
            return Stop(Failed(failure.info))


def _at_once() -> bool:
    """Lanes that begin together begin in their order, whatever they are in the middle of."""
    return True
