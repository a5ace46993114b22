"""Small worlds by seed: what four processes do at once to a few runs and events of one tenant."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from uuid import UUID, uuid5

from alga_workflows_core.interpreter.waits import Closing
from alga_workflows_core.storage.event_rows import event_row_id
from alga_workflows_core.temporal.names import run_id
from alga_workflows_core.temporal.wire import RunIdentity
from alga_workflows_core.types.json import JsonObject

PROCESSES = 4
DEFINITION = "waiting"
SOURCE = "test"

NAMES = ("ORDER", "PAYMENT")
KEYS = ("a", "b")
_LONG = 3600.0
_CRASHES = 0.2
_BRANCHES = 0.1


@dataclass(frozen=True, slots=True)
class Crash:
    """An exception at the `point`th place where one may be; after the commit, when `point` is 0."""

    point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run of a world. `starter`: the event that started it."""

    number: int
    starter: int | None = None

    def trigger(self, tenant: str) -> tuple[str, str]:
        """Its trigger type and its execution key."""
        if self.starter is None:
            return "api", f"run {self.number}"
        return "event", str(event_row_id(tenant, SOURCE, str(self.starter)))

    def id(self, tenant: str) -> UUID:
        return run_id(tenant, DEFINITION, *self.trigger(tenant))

    def identity(self, tenant: str) -> RunIdentity:
        trigger_type, key = self.trigger(tenant)
        return RunIdentity(
            run_id=self.id(tenant),
            tenant_id=tenant,
            workflow_id=DEFINITION,
            workflow_version=1,
            trigger_type=trigger_type,
            execution_key=key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvent:
    """An event of a world. `more`: keys that its type gives it besides its own; `bad`: its type
    refuses it; `for_run`: the only run that may have it."""

    number: int
    name: str
    key: str | None
    n: int
    more: Sequence[str] = ()
    bad: bool = False
    for_run: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Tell an event, which others may tell as well."""

    event: int
    crashes: Sequence[Crash] = ()


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept what is staged: by the relay; or all of the world's, as one does whose lease on them
    has run out."""

    by: Literal["relay", "late"]
    crashes: Sequence[Crash] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWait:
    """A wait of a run. `twice`: two attempts to open it are under way at once; `rides`: its fact is
    written before, with something else; `late`: one more attempt ends when all is over."""

    run: int
    number: int
    detail: JsonObject
    crashes: Sequence[Crash] = ()
    twice: bool = False
    rides: bool = False
    late: bool = False

    @property
    def key(self) -> str:
        return f"wait/{self.number}#1"

    def id(self, run: UUID) -> UUID:
        return uuid5(run, f"wait\x1f{self.key}")


@dataclass(frozen=True, slots=True)
class WaitStep:
    """A step of a run: its waits open one after the other; those that are not told of anything by
    then are closed, or stay open."""

    waits: Sequence[PlannedWait]
    closing: Closing | None
    crashes: Sequence[Crash] = ()


@dataclass(frozen=True, slots=True)
class Decide:
    """Somebody ends a wait by hand."""

    run: int
    wait: int
    crashes: Sequence[Crash] = ()


@dataclass(frozen=True, slots=True)
class End:
    """A run is ended from outside, with all that it waits for."""

    run: int
    crashes: Sequence[Crash] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """A run gets its row."""

    run: int


Operation: TypeAlias = Stage | Accept | WaitStep | Decide | End | Begin


@dataclass(slots=True)
class World:
    """A tenant. `prelude` comes first, then the `lanes` at once, each in a process of its own."""

    number: int
    runs: list[PlannedRun] = field(default_factory=list[PlannedRun])
    events: list[PlannedEvent] = field(default_factory=list[PlannedEvent])
    prelude: list[Operation] = field(default_factory=list[Operation])
    lanes: list[list[Operation]] = field(default_factory=list[list[Operation]])

    @property
    def tenant(self) -> str:
        return f"world-{self.number}"


def world(seed: int, number: int) -> World:
    """World `number` of `seed`, the same in every process."""
    return _Chance(seed, number).world


class _Chance:
    """Draws one world."""

    def __init__(self, seed: int, number: int) -> None:
        self._random = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable
        self._waits = 0
        # Most of them collide, wherever they are.
        self._names = self._random.choice([NAMES, NAMES[:1], NAMES[:1]])
        self._keys = self._random.choice([KEYS, KEYS[:1]])
        self.world = World(number)
        self._events()
        self._runs()
        self.world.lanes = [[] for _ in range(PROCESSES)]
        self._draw_lanes()
        if self._chance(_BRANCHES):
            self._branches()

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _crashes(self, points: int) -> list[Crash]:
        crashes: list[Crash] = []
        while self._chance(_CRASHES) and len(crashes) < 3:
            crashes.append(Crash(self._random.randint(0, points)))
        return crashes

    def _events(self) -> None:
        for number in range(self._random.choice([1, 1, 2, 2, 3])):
            self.world.events.append(
                PlannedEvent(
                    number=number,
                    name=self._random.choice(self._names),
                    key=self._random.choice([*self._keys, *self._keys, None]),
                    n=self._random.randint(0, 2),
                    more=self._keys if self._chance(0.15) else (),
                    bad=self._chance(0.04),
                    for_run=0 if self._chance(0.1) else None,
                )
            )

    def _runs(self) -> None:
        prelude = self.world.prelude
        for number in range(self._random.choice([1, 1, 1, 2])):
            starter = None
            if self._chance(0.15):
                starter = self._random.randrange(len(self.world.events))
                prelude += [Stage(starter), Accept("late")]
            run = PlannedRun(number=number, starter=starter)
            taken = {each.trigger("") for each in self.world.runs}
            if run.trigger("") in taken:
                run = PlannedRun(number=number)
            self.world.runs.append(run)
            if self._chance(0.15):
                prelude += [Stage(self._random.randrange(len(self.world.events))), Accept("late")]
            prelude.append(Begin(number))
        if self._chance(0.2):
            prelude += [Stage(self._random.randrange(len(self.world.events))), Accept("late")]

    def _draw_lanes(self) -> None:
        lanes = self.world.lanes
        places = self._random.sample(range(PROCESSES), PROCESSES)
        for lane in places[: self._random.choice([1, 1, 2])]:
            for _ in range(self._random.choice([1, 1, 2])):
                lanes[lane].append(self._step())
        for event in self.world.events:
            lane = lanes[self._random.choice(places[1:])]
            lane.append(Stage(event.number, self._crashes(8)))
            if self._chance(0.4):
                lane.append(self._accept())
            if self._chance(0.2):
                lanes[self._random.choice(places[1:])].append(Stage(event.number))
        lanes[places[3]].append(self._accept())
        if self._chance(0.1):
            lanes[places[2]].append(Decide(*self._some_wait(), self._crashes(10)))
        if self._chance(0.06):
            lanes[places[2]].append(End(self._some_run(), self._crashes(14)))

    def _branches(self) -> None:
        """Two branches of a run begin by waiting for what is there already: one looks for its key,
        the other one for any, so that they meet at no key."""
        event = self._random.choice(self.world.events)
        self.world.prelude += [Stage(event.number), Accept("late")]
        lanes = self._random.sample(self.world.lanes, 2)
        for lane, key in zip(lanes, (event.key, None), strict=True):
            match: JsonObject = {
                "eventName": event.name,
                "correlationKey": key,
                "filters": [],
                "lookback": 0.0,
            }
            lane.insert(0, WaitStep([self._wait(0, {"matches": [match]})], None, ()))

    def _accept(self) -> Accept:
        return Accept(self._random.choice(["relay", "late", "late"]), self._crashes(26))

    def _some_run(self) -> int:
        return self._random.choice(self.world.runs).number

    def _some_wait(self) -> tuple[int, int]:
        steps = [each for lane in self.world.lanes for each in lane if isinstance(each, WaitStep)]
        waits = [wait for step in steps for wait in step.waits]
        chosen = self._random.choice(waits)
        return chosen.run, chosen.number

    def _step(self) -> WaitStep:
        run = self._some_run()
        closing: Closing | None = self._random.choice([None, None, "timed_out", "canceled"])
        if self._chance(0.2):
            details = self._every([self._match(), self._match()])
        else:
            details = [{"matches": [self._match() for _ in range(self._random.choice([1, 1, 2]))]}]
        return WaitStep([self._wait(run, detail) for detail in details], closing, self._crashes(22))

    def _every(self, matches: Sequence[JsonObject]) -> list[JsonObject]:
        """A wait for each of all, as `event.wait` makes them."""
        details: list[JsonObject] = []
        for match in matches:
            others = [
                each
                for each in matches
                if each is not match and each["eventName"] == match["eventName"]
            ]
            details.append({"matches": [match]} | ({"besides": others} if others else {}))
        return details

    def _wait(self, run: int, detail: JsonObject) -> PlannedWait:
        self._waits += 1
        return PlannedWait(
            run=run,
            number=self._waits,
            detail=detail,
            crashes=self._crashes(30),
            twice=self._chance(0.08),
            rides=self._chance(0.1),
            late=self._chance(0.08),
        )

    def _match(self) -> JsonObject:
        filters: list[JsonObject] = []
        if self._chance(0.4):
            op = self._random.choice(["=", ">="])
            filters.append({"path": "payload.n", "op": op, "value": self._random.randint(0, 2)})
        return {
            "eventName": self._random.choice(self._names),
            "correlationKey": self._random.choice([*self._keys, *self._keys, None]),
            "filters": filters,
            "lookback": self._random.choice([0.0, 0.0, 0.0, _LONG]),
        }
