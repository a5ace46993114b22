"""What must be so in the rows of an inbox, whatever happened in between (design: the inbox)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from tests.core.events.ledgers import (
    Ledger,
    Row,
    first_unmet,
    is_refused,
    looks_for,
    reaches,
    starter_of,
)


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
        expected = "REFUSED" if is_refused(event) else "ACCEPTED"
        if event["state"] != expected:
            yield f"event {event['event_id']} is {event['state']}"
        if (event["position"] is None) != is_refused(event):
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
    # Who ends a run from outside tells it nothing any more, not even that.
    over = ledger.runs[wait["run_id"]]["status"] == "CANCELED"
    if deliveries > 1 or (deliveries == 0 and opened is None and not over):
        yield f"{name} was told by {deliveries} deliveries and its opening by {opened}"
    if any(each != wait["resolution"] for each in told):
        yield f"{name} was told of {told}, not of {wait['resolution']}"
    if not over and ledger.closed.get(str(wait["id"]), told) is None:
        yield f"{name} was closed by its run without being told"


def _consumed(ledger: Ledger) -> Iterator[str]:
    delivered = {each["wait_id"] for each in ledger.deliveries}
    times = Counter(
        (wait["run_id"], wait["event_id"])
        for wait in ledger.waits.values()
        if wait["event_id"] is not None
    )
    twice = [each for each, count in times.items() if count > 1]
    yield from (f"TWICE: event {event} was taken in run {run}" for run, event in twice)
    for wait in ledger.waits.values():
        refused_by = {
            ledger.waits[refusing]["key"]
            for event, refusing, _, _ in ledger.refusals
            if event == wait["event_id"] and ledger.waits[refusing]["run_id"] == wait["run_id"]
        }
        if refused_by and wait["id"] not in delivered:
            yield f"wait {wait['key']} looked back to an event that {refused_by} had refused"
