"""The simulated inbox: which wait of a run gets which event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.simulation.inbox import Inbox
from alga_workflows_core.types.json import Json, JsonObject

START = datetime(2030, 1, 1, tzinfo=UTC)


class Desk:
    """An inbox, and what it delivered."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, str, int]] = []
        self.inbox = Inbox(created=START, resolve=self._resolve)
        self._count = 0

    def _resolve(self, key: str, resolution: JsonObject) -> bool:
        self.delivered.append((key, resolution["event"]["id"], resolution["match"]))
        return True

    def receive(
        self,
        event_id: str,
        name: str = "PAID",
        *,
        key: str | None = None,
        payload: Json = None,
        source: str = "bank",
        minutes: float = 1,
    ) -> None:
        """An event comes so many minutes after the run began."""
        event: JsonObject = {
            "id": event_id,
            "name": name,
            "source": source,
            "correlationKey": key,
            "payload": payload,
        }
        self.inbox.receive(event, START + timedelta(minutes=minutes))

    def open(self, key: str, *matches: JsonObject, besides: JsonObject | None = None) -> str | None:
        """Open a wait; the id of the event that it finds."""
        detail: JsonObject = {"matches": list(matches)}
        if besides is not None:
            detail["besides"] = [besides]
        early = self.inbox.open(Wait(kind="event", key=key, path=key, due=None, detail=detail))
        return None if early is None else early["event"]["id"]


def match(
    name: str = "PAID", *, key: str | None = None, want: Json = None, lookback: float = 0
) -> JsonObject:
    """What a wait looks for; `want` is what the payload has to be."""
    filters = [] if want is None else [{"path": "payload", "op": "=", "value": want}]
    return {"eventName": name, "correlationKey": key, "filters": filters, "lookback": lookback}


@pytest.fixture
def desk() -> Desk:
    """An empty inbox."""
    return Desk()


def test_an_event_goes_to_the_oldest_open_wait(desk: Desk) -> None:
    """To it alone; the next one goes to the next."""
    assert desk.open("a", match()) is None
    assert desk.open("b", match()) is None
    desk.receive("1")
    desk.receive("2")
    desk.receive("3")
    assert desk.delivered == [("a", "1", 0), ("b", "2", 0)]


def test_an_early_event_is_found_once(desk: Desk) -> None:
    """The oldest that fits is found when a wait opens; it is spent then."""
    desk.receive("1")
    desk.receive("2")
    assert desk.open("a", match()) == "1"
    assert desk.open("b", match()) == "2"
    assert desk.open("c", match()) is None
    assert desk.delivered == []


def test_the_same_event_comes_once(desk: Desk) -> None:
    """By source and id; another source may use the same id."""
    desk.open("a", match())
    desk.receive("1")
    desk.receive("1")
    desk.open("b", match())
    desk.receive("1")
    desk.receive("1", source="shop")
    assert desk.delivered == [("a", "1", 0), ("b", "1", 0)]


def test_name_and_key_have_to_fit(desk: Desk) -> None:
    """A wait without a key takes any; one with a key takes no event without one."""
    desk.open("a", match(key="x"))
    desk.receive("1", "OTHER", key="x")
    desk.receive("2", key="y")
    desk.receive("3")
    assert desk.delivered == []
    assert desk.open("b", match()) == "2"
    desk.receive("4", key="x")
    assert desk.delivered == [("a", "4", 0)]


def test_a_refused_event_is_spent(desk: Desk) -> None:
    """By an open wait, or when a wait looks back: no later wait finds it."""
    desk.open("a", match(want="high"))
    desk.receive("1", payload="low")
    assert desk.open("b", match()) is None
    desk.inbox.close("a")
    desk.inbox.close("b")
    desk.receive("2", payload="low")
    assert desk.open("c", match(want="high")) is None
    assert desk.open("d", match()) is None


def test_an_event_that_no_filter_saw_is_kept(desk: Desk) -> None:
    """Another name or key is no refusal."""
    desk.open("a", match(key="x", want="high"))
    desk.open("b", match("OTHER", want="high"))
    desk.receive("1", key="y", payload="low")
    assert desk.open("c", match()) == "1"


def test_a_refused_event_still_goes_to_a_younger_wait(desk: Desk) -> None:
    """That one wait refuses it does not keep it from another that is open at the same time."""
    desk.open("a", match(want="high"))
    desk.open("b", match(want="low"))
    desk.receive("1", payload="low")
    assert desk.delivered == [("b", "1", 0)]


def test_a_refused_event_is_kept_for_another_wait_of_the_step(desk: Desk) -> None:
    """If that one looks for it, by name, key and filter, and as far back."""
    desk.receive("1", payload="low", key="k")
    desk.receive("2", payload="middle", key="k")
    desk.receive("3", payload="old", key="k", minutes=-1)
    low, old = match(key="k", want="low"), match(key="k", want="old", lookback=60)
    assert desk.open("a", match(want="high", lookback=60), besides=low) is None
    assert desk.open("b", low) == "1"
    assert desk.open("c", match(lookback=60)) is None
    desk.receive("4", payload="old", key="k")
    assert desk.open("d", match(want="high"), besides=old) is None
    assert desk.open("e", old) is None


def test_a_wait_for_any_says_which(desk: Desk) -> None:
    """The first of its matches that takes the event; it is open no more then."""
    desk.open("a", match("PAID", want="now"), match("PAID"), match("REFUSED"))
    desk.receive("1", payload="later")
    desk.receive("2", "REFUSED")
    assert desk.delivered == [("a", "1", 1)]


def test_a_closed_wait_gets_nothing(desk: Desk) -> None:
    """What comes afterwards is kept for the next."""
    desk.open("a", match())
    desk.inbox.close("a")
    desk.receive("1")
    assert desk.delivered == []
    assert desk.open("b", match()) == "1"


def test_look_back_ends_where_the_run_began(desk: Desk) -> None:
    """Unless a wait looks back further; what came exactly so long before is seen."""
    desk.receive("1", minutes=-10)
    desk.receive("2", minutes=-5)
    assert desk.open("a", match()) is None
    desk.inbox.close("a")
    assert desk.open("b", match(lookback=299)) is None
    desk.inbox.close("b")
    assert desk.open("c", match(lookback=300)) == "2"
    assert desk.open("d", match(lookback=3600)) == "1"


def test_an_event_from_before_the_run_is_not_refused_unseen(desk: Desk) -> None:
    """A filter of a wait that does not look so far back does not spend it."""
    desk.receive("1", payload="low", minutes=-10)
    desk.open("a", match(want="high"))
    assert desk.open("b", match(lookback=3600)) == "1"


def test_an_event_at_the_start_is_seen(desk: Desk) -> None:
    """What comes when the run begins has not come before it."""
    desk.receive("1", minutes=0)
    assert desk.open("a", match()) == "1"
