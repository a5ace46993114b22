"""The inbox does with events what the simulator says that it does."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.event_matching import Taken, offer
from alga_workflows_core.events.matching import Arrival, decide
from alga_workflows_core.events.seen import as_seen
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.simulation.inbox import Inbox
from alga_workflows_core.storage.inbox import OpenWait
from alga_workflows_core.temporal.wire import OpenedWait
from alga_workflows_core.types.json import JsonObject
from tests.core.events.inboxes import Inboxes, match

CREATED = datetime(2026, 1, 2, tzinfo=UTC)
LONG = 3600.0
ROOT = UUID(int=7)

NAMES = st.sampled_from(["ORDER", "PAYMENT"])
KEYS = st.sampled_from(["a", "b", None])
MATCHES: st.SearchStrategy[Any] = st.builds(
    match, KEYS, name=NAMES, least=st.none() | st.integers(0, 2), lookback=st.just(0.0)
)
DETAILS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"matches": st.lists(MATCHES, min_size=1, max_size=2)},
    optional={"besides": st.lists(MATCHES, max_size=1)},
)
EVENTS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "name": NAMES,
        "correlationKey": KEYS,
        "payload": st.fixed_dictionaries({"n": st.integers(0, 2)}),
    }
)
STEPS: st.SearchStrategy[list[tuple[str, Any]]] = st.lists(
    st.tuples(st.just("open"), DETAILS)
    | st.tuples(st.just("receive"), st.lists(EVENTS, min_size=1, max_size=3))
    | st.tuples(st.just("close"), st.integers(1, 4)),
    max_size=12,
)


@dataclass(slots=True)
class Simulated:
    """One run of the simulator, and what its waits got: by key the id of an event and the match."""

    inbox: Inbox = field(init=False)
    got: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def __post_init__(self) -> None:
        self.inbox = Inbox(created=CREATED, resolve=self._resolve)

    def open(self, key: str, detail: JsonObject) -> None:
        wait = Wait(kind="event", key=key, path=key, due=None, detail=detail)
        found = self.inbox.open(wait)
        if found is not None:
            self._resolve(key, found)

    def _resolve(self, key: str, resolution: JsonObject) -> bool:
        self.got[key] = (resolution["event"]["id"], resolution["match"])
        return True


@dataclass(slots=True)
class Decided:
    """The same with `decide` for what arrives, and looking back over the rest."""

    got: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _open: dict[str, OpenWait] = field(default_factory=dict[str, OpenWait])
    _left: list[JsonObject] = field(default_factory=list[JsonObject])

    def open(self, key: str, detail: JsonObject) -> None:
        for event in list(self._left):
            found = offer(event, _keys(event), detail)
            if found is not None:
                self._left.remove(event)
            if isinstance(found, Taken):
                self.got[key] = (event["id"], found.match)
                return
        self._open[key] = OpenWait(id=uuid5(ROOT, key), run_id=ROOT, detail=detail)

    def arrive(self, events: list[JsonObject]) -> None:
        arrivals = [
            Arrival(id=uuid5(ROOT, each["id"]), event=each, keys=_keys(each), for_run=None)
            for each in events
        ]
        decisions = decide(arrivals, list(self._open.values()), [])
        keys = {wait.id: key for key, wait in self._open.items()}
        for taken in decisions.taken:
            key = keys[taken.wait.id]
            self.got[key] = (taken.arrival.event["id"], taken.match)
            del self._open[key]
        spent = {taken.arrival.id for taken in decisions.taken}
        spent |= {refusal.event_id for refusal in decisions.refusals}
        self._left += [arrival.event for arrival in arrivals if arrival.id not in spent]

    def close(self, key: str) -> None:
        self._open.pop(key, None)


def _keys(event: JsonObject) -> tuple[str, ...]:
    key: str | None = event["correlationKey"]
    return () if key is None else (key,)


@given(STEPS)
def test_what_arrives_goes_to_the_waits_that_the_simulator_says(
    steps: list[tuple[str, Any]],
) -> None:
    """However many are accepted together, and whatever waits open and close in between."""
    simulated, decided = Simulated(), Decided()
    opened = 0
    for number, (do, step) in enumerate(steps):
        if do == "open":
            opened += 1
            simulated.open(f"wait{opened}", step)
            decided.open(f"wait{opened}", step)
        elif do == "close":
            simulated.inbox.close(f"wait{step}")
            decided.close(f"wait{step}")
        else:
            events = [
                {**each, "id": f"{number}/{index}", "source": "test", "time": ""}
                for index, each in enumerate(step)
            ]
            for event in events:
                simulated.inbox.receive(event, CREATED)
            decided.arrive(events)
    assert decided.got == simulated.got


async def test_the_rows_end_as_simulated(inboxes: Inboxes) -> None:
    """Waits of a run open and close, events come before it begins, early and twice: each wait gets
    the event that the simulator says, by look-back too."""
    chance = random.Random(7)  # noqa: S311 - repeatable
    met = 0
    for turn in range(40):
        met += await _same(inboxes, chance, f"NAME{turn}")
    assert met > 40


async def _same(inboxes: Inboxes, chance: random.Random, name: str) -> int:
    """How many waits got an event."""
    simulated = Simulated()

    async def receive(at: datetime) -> None:
        row_id = await inboxes.stage(
            chance.choice(["a", "b", None]), name=name, n=chance.randint(0, 2)
        )
        await inboxes.accept(row_id)
        simulated.inbox.receive(as_seen(await inboxes.event(row_id)), at)
        # Again: nobody gets it twice.
        await inboxes.accept(row_id)
        simulated.inbox.receive(as_seen(await inboxes.event(row_id)), at)

    for _ in range(chance.randint(0, 2)):
        await receive(CREATED - timedelta(seconds=1))
    run = await inboxes.run()
    waits: list[OpenedWait] = []
    for _ in range(chance.randint(3, 7)):
        do = chance.choice(["open", "open", "receive", "receive", "close"])
        if do == "receive":
            await receive(CREATED)
        elif do == "open":
            wait = inboxes.wait(
                run, *(_some_match(chance, name) for _ in range(chance.randint(1, 2)))
            )
            waits.append(wait)
            await inboxes.open(run, wait)
            simulated.open(wait.key, wait.detail)
        elif waits:
            wait = chance.choice(waits)
            await inboxes.close(run, wait, "canceled")
            simulated.inbox.close(wait.key)
    got: dict[str, tuple[str, int]] = {}
    for wait in waits:
        row = await inboxes.row(wait)
        if row.resolution is not None:
            got[wait.key] = (row.resolution["event"]["id"], row.resolution["match"])
    assert got == simulated.got
    return len(got)


def _some_match(chance: random.Random, name: str) -> JsonObject:
    return match(
        chance.choice(["a", "b", None]),
        name=name,
        least=chance.choice([None, None, 1, 2]),
        lookback=chance.choice([0.0, LONG]),
    )
