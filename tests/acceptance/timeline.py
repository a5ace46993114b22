"""Virtual time on a real server: when in a real run each moment of a simulation has its turn."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from alga_workflows_core.interpreter.facts import (
    AttemptFailed,
    CallUndone,
    StepFinished,
    StepStarted,
    WaitClosed,
    WaitOpened,
)
from alga_workflows_core.simulation.simulate import Simulation

# Seconds that a moment lasts, and so many more for what happens in it.
LEAST_GAP = 0.8
STEP_GAP = 0.002
EFFECT_GAP = 0.06
CANCEL_GAP = 0.4
# What those do that are called is not told; they also have to be started.
CHILDREN_GAP = 0.6
# At one moment, what the world does comes first, then those wake whose time it is, each in its turn
# by its place in the document.
DUE_AFTER = 0.2
DUE_TURN = 0.03
MOST_TURNS = 6
# What would come behind the last moment never does.
NEVER = 3600.0


class Timeline:
    """Virtual moments and the real second, since the origin, at which each begins.

    Time stands still at each moment until the next one begins. `origin` is when the run began.
    """

    def __init__(self, moments: Sequence[datetime], offsets: Sequence[float], scale: float) -> None:
        self.moments = list(moments)
        self._offsets = list(offsets)
        self._scale = scale
        self._origin: datetime | None = None
        self._begun = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- for workflow code: of what it is given, and of nothing else --------------------------

    def begin(self, origin: datetime) -> None:
        """The run began. Called in the workflow's thread, in each replay again."""
        if self._origin is None:
            self._origin = origin
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begun.set)

    def now(self, real: datetime) -> datetime:
        """The moment that it is."""
        index = bisect_right(self._offsets, self._elapsed(real) + 0.001) - 1
        return self.moments[max(0, index)]

    def left(self, due: datetime, real: datetime, turn: int = 0) -> timedelta:
        """Until it is `due` and this one's turn."""
        if due <= self.now(real):
            return timedelta()
        later = (DUE_AFTER + DUE_TURN * min(turn, MOST_TURNS)) * self._scale
        return timedelta(seconds=self.offset(due) + later - self._elapsed(real))

    # -- for the world ------------------------------------------------------------------------

    async def begun(self) -> None:
        """Return when the run has begun."""
        self._loop = asyncio.get_running_loop()
        if self._origin is None:
            await self._begun.wait()

    def happens(self, moment: datetime) -> bool:
        """Whether anything ever happens then."""
        return moment in self.moments

    def offset(self, moment: datetime) -> float:
        """Real seconds between the origin and the beginning of a moment."""
        index = bisect_right(self.moments, moment) - 1
        if self.moments[index] == moment:
            return self._offsets[index]
        if index + 1 == len(self.moments):
            return self._offsets[-1] + NEVER
        return (self._offsets[index] + self._offsets[index + 1]) / 2

    def seconds_until(self, moment: datetime) -> float:
        """Real seconds until a moment begins; not positive if it has."""
        return self.offset(moment) - self._elapsed(datetime.now(UTC))

    def seconds_left(self) -> float:
        """Real seconds until all is over."""
        return self._offsets[-1] - self._elapsed(datetime.now(UTC)) + LEAST_GAP * self._scale

    @property
    def present(self) -> datetime:
        """The moment that it is."""
        return self.now(datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """For whoever replays the run."""
        return {
            "moments": [moment.isoformat() for moment in self.moments],
            "offsets": self._offsets,
            "scale": self._scale,
            "origin": None if self._origin is None else self._origin.isoformat(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Timeline:
        """What `as_json` told."""
        moments = [datetime.fromisoformat(moment) for moment in value["moments"]]
        timeline = cls(moments, value["offsets"], value["scale"])
        timeline.begin(datetime.fromisoformat(value["origin"]))
        return timeline

    def _elapsed(self, real: datetime) -> float:
        if self._origin is None:
            raise RuntimeError("the run has not begun")
        return (real - self._origin).total_seconds()


def timeline_of(simulation: Simulation, scale: float) -> Timeline:
    """Room for everything that happens in the simulation, at the moment at which it does."""
    moments = sorted({*simulation.moments, simulation.ended_at})
    steps: Counter[datetime] = Counter()
    effects: Counter[datetime] = Counter()
    children = 0
    cancels: set[datetime] = set()
    for fact in simulation.facts:
        if isinstance(fact, StepStarted):
            steps[fact.at] += 1
            effects[fact.at] += fact.type in ("action.call", "control.callWorkflow")
        elif isinstance(fact, WaitOpened | WaitClosed):
            effects[fact.at] += 1
            children += isinstance(fact, WaitOpened) and fact.wait == "child"
        elif isinstance(fact, AttemptFailed):
            effects[fact.due] += 1
        elif isinstance(fact, CallUndone):
            effects[fact.at] += 1
        elif isinstance(fact, StepFinished) and fact.status == "CANCELED":
            cancels.add(fact.at)
    offsets: list[float] = []
    offset = 0.0
    for moment in moments:
        offsets.append(offset)
        gap = (
            LEAST_GAP
            + CHILDREN_GAP * (children > 0)
            + STEP_GAP * steps[moment]
            + EFFECT_GAP * effects[moment]
        )
        offset += scale * (gap + CANCEL_GAP * (moment in cancels))
    return Timeline(moments, offsets, scale)
