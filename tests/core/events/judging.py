"""The judge of an inbox: reads the rows that are left, and knows nothing of how they were made.

`broken_rules` holds what must be so whatever happened in between; `replayed` plays the committed
transactions again, one after the other, in a model, and compares what came of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

Row = Mapping[str, Any]
Json = dict[str, Any]


@dataclass(slots=True)
class Ledger:
    """All rows of one tenant, and what its runs were told (by wait id as text)."""

    tenant: str
    runs: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    events: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    waits: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    deliveries: list[Row] = field(default_factory=list[Row])
    refusals: set[tuple[UUID, UUID, int, int]] = field(
        default_factory=set[tuple[UUID, UUID, int, int]]
    )
    matches: Counter[UUID] = field(default_factory=Counter[UUID])
    notes: list[Json] = field(default_factory=list[Json])
    opened: dict[str, Json | None] = field(default_factory=dict[str, "Json | None"])
    closed: dict[str, Json | None] = field(default_factory=dict[str, "Json | None"])


def keys_of(event: Row) -> set[str]:
    """What an event is found by."""
    own = set[str]() if event["correlation_key"] is None else {event["correlation_key"]}
    return own | set(event["data"]["more"])


def began(ledger: Ledger, run: Row) -> datetime:
    """When a run, or the event that started it, came."""
    starter = starter_of(run)
    if starter is None or starter not in ledger.events:
        return run["created_at"]
    return min(run["created_at"], ledger.events[starter]["received_at"])


def starter_of(run: Row) -> UUID | None:
    """The event that started a run."""
    return UUID(run["execution_key"]) if run["trigger_type"] == "event" else None


def reaches(ledger: Ledger, run: Row, match: Json, event: Row) -> bool:
    """Whether the match looks back to the event."""
    earliest = began(ledger, run) - timedelta(seconds=match["lookback"])
    return event["accepted_at"] >= earliest


def looks_for(match: Json, event: Row) -> bool:
    """Whether the match is about events of this name and key."""
    key = match["correlationKey"]
    return match["eventName"] == event["type"] and (key is None or key in keys_of(event))


def first_unmet(match: Json, event: Row) -> int | None:
    """The index of the filter that refuses the event. Filters compare `payload.n`."""
    for index, each in enumerate(match["filters"]):
        n = event["data"]["n"]
        if not (n == each["value"] if each["op"] == "=" else n >= each["value"]):
            return index
    return None


def broken_rules(ledger: Ledger) -> Iterator[str]:
    """What is wrong with the rows as they are."""
    yield from _events(ledger)
    for wait in ledger.waits.values():
        yield from _wait(ledger, wait)
        yield from _told(ledger, wait)
    yield from _consumed(ledger)
    for each in ledger.deliveries:
        wait = ledger.waits.get(each["wait_id"])
        if wait is None or wait["status"] != "RESOLVED":
            yield f"delivery {each['id']} is of no resolved wait"
        elif each["event_id"] != wait["event_id"] or each["id"] != wait["id"]:
            yield f"delivery {each['id']} is not as its wait"


def _events(ledger: Ledger) -> Iterator[str]:
    for event in ledger.events.values():
        expected = "REFUSED" if event["data"]["bad"] else "ACCEPTED"
        if event["state"] != expected:
            yield f"event {event['event_id']} is {event['state']}"
        if (event["position"] is None) != event["data"]["bad"]:
            yield f"event {event['event_id']} has position {event['position']}"
    once = Counter((event["source"], event["event_id"]) for event in ledger.events.values())
    yield from (f"event {each} is there {count} times" for each, count in once.items() if count > 1)


def _wait(ledger: Ledger, wait: Row) -> Iterator[str]:
    name = f"wait {wait['key']} {wait['status']}"
    looks = len(wait["detail"]["matches"]) if wait["status"] == "WAITING" else 0
    if ledger.matches[wait["id"]] != looks:
        yield f"{name} is looked for by {ledger.matches[wait['id']]} names, not by {looks}"
    if wait["status"] == "RESOLVED":
        yield from _resolved(ledger, wait, name)
    elif wait["event_id"] is not None or wait["resolution"] is not None:
        yield f"{name} has an event"
    if wait["status"] == "WAITING":
        for event in ledger.events.values():
            if _may_have(ledger, wait, event):
                yield f"{name}: LOST: event {event['event_id']} is there and nobody has it"


def _may_have(ledger: Ledger, wait: Row, event: Row) -> bool:
    run = ledger.runs[wait["run_id"]]
    if event["state"] != "ACCEPTED" or event["for_run"] not in (None, run["id"]):
        return False
    if event["id"] == starter_of(run) or event["id"] in _spent(ledger, run["id"]):
        return False
    return any(
        looks_for(match, event)
        and reaches(ledger, run, match, event)
        and first_unmet(match, event) is None
        for match in wait["detail"]["matches"]
    )


def _spent(ledger: Ledger, run_id: UUID) -> set[UUID]:
    waits = {wait["id"]: wait for wait in ledger.waits.values() if wait["run_id"] == run_id}
    taken = {wait["event_id"] for wait in waits.values()}
    return taken | {event for event, wait, _, _ in ledger.refusals if wait in waits}


def _resolved(ledger: Ledger, wait: Row, name: str) -> Iterator[str]:
    if wait["event_id"] is None:
        if wait["resolved_by"] != "test":
            yield f"{name} by nothing"
        return
    run, event = ledger.runs[wait["run_id"]], ledger.events[wait["event_id"]]
    resolution = wait["resolution"]
    if resolution["event"]["id"] != event["event_id"]:
        yield f"{name} names another event than it has"
    match = wait["detail"]["matches"][resolution["match"]]
    meets = looks_for(match, event) and first_unmet(match, event) is None
    if not meets or event["state"] != "ACCEPTED":
        yield f"{name} has an event that it does not look for"
    if not reaches(ledger, run, match, event):
        yield f"{name} has an event from before its run began"
    if event["id"] == starter_of(run):
        yield f"{name} has the event that started its run"
    if event["for_run"] not in (None, run["id"]):
        yield f"{name} has an event of another run"


def _told(ledger: Ledger, wait: Row) -> Iterator[str]:
    """Once by a delivery, or by the answer of its opening; never neither."""
    name = f"wait {wait['key']} {wait['status']}"
    deliveries = sum(each["wait_id"] == wait["id"] for each in ledger.deliveries)
    opened = ledger.opened.get(str(wait["id"]))
    told = [each for each in (opened, ledger.closed.get(str(wait["id"]))) if each is not None]
    if wait["status"] != "RESOLVED":
        if told or deliveries:
            yield f"{name} was told of {told} and by {deliveries} deliveries"
        return
    if deliveries > 1 or (deliveries == 0 and opened is None):
        yield f"{name} was told by {deliveries} deliveries and its opening by {opened}"
    if any(each != wait["resolution"] for each in told):
        yield f"{name} was told of {told}, not of {wait['resolution']}"
    over = ledger.runs[wait["run_id"]]["status"] == "CANCELED"
    if not over and ledger.closed.get(str(wait["id"]), told) is None:
        yield f"{name} was closed by its run without being told"


def _consumed(ledger: Ledger) -> Iterator[str]:
    delivered = {each["wait_id"] for each in ledger.deliveries}
    times = Counter(
        (wait["run_id"], wait["event_id"])
        for wait in ledger.waits.values()
        if wait["event_id"] is not None
    )
    yield from (f"TWICE: {each} was taken {count} times" for each, count in times.items() if count > 1)
    for wait in ledger.waits.values():
        refused_by = {
            ledger.waits[refusing]["key"]
            for event, refusing, _, _ in ledger.refusals
            if event == wait["event_id"] and ledger.waits[refusing]["run_id"] == wait["run_id"]
        }
        if refused_by and wait["id"] not in delivered:
            yield f"wait {wait['key']} looked back to an event that {refused_by} had refused"


@dataclass(slots=True)
class _Model:
    """One transaction after the other."""

    ledger: Ledger
    accepted: list[Row] = field(default_factory=list[Row])
    open: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    there: set[UUID] = field(default_factory=set[UUID])
    ended: set[UUID] = field(default_factory=set[UUID])
    status: dict[UUID, str] = field(default_factory=dict[UUID, str])
    event_of: dict[UUID, tuple[UUID, int]] = field(
        default_factory=dict[UUID, tuple[UUID, int]]
    )
    by_delivery: set[UUID] = field(default_factory=set[UUID])
    refusals: set[tuple[UUID, UUID, int, int]] = field(
        default_factory=set[tuple[UUID, UUID, int, int]]
    )

    def play(self, note: Json) -> None:
        """What a transaction does, if it is the only one."""
        match note["op"]:
            case "accept":
                # Not all that it was asked to, and not what was accepted before.
                accepted = [e for e in self.ledger.events.values() if e["xid"] == note["xid"]]
                self._accept([event for event in accepted if event["state"] == "ACCEPTED"])
            case "write":
                if UUID(note["run"]) not in self.ended:
                    self._write(UUID(note["wait"]))
            case "open":
                self._opens(UUID(note["wait"]), UUID(note["run"]))
            case "close":
                if UUID(note["run"]) not in self.ended:
                    self._end(UUID(note["wait"]), note["how"].upper())
            case "decide":
                self._resolve(UUID(note["wait"]), delivered=True)
            case "end":
                self.ended.add(UUID(note["run"]))
                for wait in list(self.there):
                    if str(self.ledger.waits[wait]["run_id"]) == note["run"]:
                        self._end(wait, "CANCELED")
            case other:
                raise AssertionError(f"unknown note {other}")

    def _accept(self, events: Iterable[Row]) -> None:
        for event in sorted(events, key=lambda each: (each["received_at"], each["id"])):
            self.accepted.append(event)
            for run_id in {wait["run_id"] for wait in self.open.values()}:
                if event["for_run"] in (None, run_id):
                    self._offer_to_run(event, run_id)

    def _offer_to_run(self, event: Row, run_id: UUID) -> None:
        waits = [wait for wait in self.open.values() if wait["run_id"] == run_id]
        for wait in sorted(waits, key=lambda each: (each["opened_at"], each["id"])):
            if self._offer(event, wait, look_back=False):
                self.by_delivery.add(wait["id"])
                return

    def _write(self, wait_id: UUID) -> None:
        """It has a row, by which it can be ended; events do not find it yet."""
        if wait_id not in self.status:
            self.there.add(wait_id)

    def _opens(self, wait_id: UUID, run_id: UUID) -> None:
        if run_id in self.ended or wait_id in self.status:
            return
        wait = self.ledger.waits[wait_id]
        self._write(wait_id)
        self.open[wait_id] = wait
        mine = {each["id"] for each in self.ledger.waits.values() if each["run_id"] == run_id}
        for event in sorted(self.accepted, key=lambda each: (each["accepted_at"], each["position"])):
            refused = any(who in mine for which, who, _, _ in self.refusals if which == event["id"])
            taken = any(which == event["id"] for who, (which, _) in self.event_of.items() if who in mine)
            if refused or taken or event["for_run"] not in (None, run_id):
                continue
            if event["id"] == starter_of(self.ledger.runs[run_id]):
                continue
            if self._offer(event, wait, look_back=True):
                return

    def _offer(self, event: Row, wait: Row, *, look_back: bool) -> bool:
        """Whether the wait took it."""
        run = self.ledger.runs[wait["run_id"]]

        def concerned(match: Json) -> bool:
            return looks_for(match, event) and (
                not look_back or reaches(self.ledger, run, match, event)
            )

        unmet: list[tuple[int, int]] = []
        for index, match in enumerate(wait["detail"]["matches"]):
            if not concerned(match):
                continue
            by = first_unmet(match, event)
            if by is None:
                self.event_of[wait["id"]] = (event["id"], index)
                self._resolve(wait["id"], delivered=False)
                return True
            unmet.append((index, by))
        besides = any(
            concerned(each) and first_unmet(each, event) is None
            for each in wait["detail"].get("besides", ())
        )
        if unmet and not besides:
            self.refusals.add((event["id"], wait["id"], *unmet[0]))
        return False

    def _resolve(self, wait_id: UUID, *, delivered: bool) -> None:
        if delivered and wait_id in self.there:
            self.by_delivery.add(wait_id)
        self._end(wait_id, "RESOLVED")

    def _end(self, wait_id: UUID, status: str) -> None:
        self.open.pop(wait_id, None)
        if wait_id in self.there:
            self.there.remove(wait_id)
            self.status[wait_id] = status


def replayed(ledger: Ledger) -> Iterator[str]:
    """What the rows say and the model does not."""
    model = _Model(ledger)
    for note in ledger.notes:
        model.play(note)
    for wait_id, wait in ledger.waits.items():
        match = None if wait["event_id"] is None else wait["resolution"]["match"]
        real = (wait["status"], wait["event_id"], match)
        expected = (
            model.status.get(wait_id, "WAITING"),
            *model.event_of.get(wait_id, (None, None)),
        )
        if real != expected:
            yield f"wait {wait['key']} is {real}, in the model {expected}"
    delivered = {each["wait_id"] for each in ledger.deliveries}
    if delivered != model.by_delivery:
        yield f"delivered are {delivered}, in the model {model.by_delivery}"
    if ledger.refusals != model.refusals:
        yield f"refusals are {ledger.refusals}, in the model {model.refusals}"
