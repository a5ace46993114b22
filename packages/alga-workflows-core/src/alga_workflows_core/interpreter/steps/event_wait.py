"""`event.wait`: wait for an event, for the first of several, or for all of them.

One wait for one event or the first of several, and one for each of all. Node: that of `waiting`.
"""

from __future__ import annotations

from collections.abc import Sequence

from alga_workflows_core.definition.event_matching import MAX_KEY, key_text
from alga_workflows_core.definition.events import EventMatch
from alga_workflows_core.definition.steps.event_wait import EventWaitStep, WaitAll
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.assigning import assign_all
from alga_workflows_core.interpreter.durations import due_of
from alga_workflows_core.interpreter.outcome import Cancelled, Outcome, Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.waiting import next_key, refuse_too_large, wait_for
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.types.json import Json, JsonObject


async def run(step: EventWaitStep, visit: Visit) -> Outcome:
    """Wait, then assign; StepError `WAIT_TIMEOUT` if it takes too long and is to fail then."""
    config = step.config
    matches = [match for _, match in config.matches()]

    def describe() -> list[Wait]:
        due = due_of(visit, config.timeout, config.timeout_ms)
        details = [_detail(visit, match) for match in matches]
        looked_for = _each(details) if isinstance(config, WaitAll) else [{"matches": details}]
        return [
            Wait(kind="event", key=next_key(visit), path=visit.path, due=due, detail=detail)
            for detail in looked_for
        ]

    waited = await wait_for(visit, visit.held, describe)
    if isinstance(waited, Settled):
        return waited
    reason = visit.frame.cancel.reason
    if waited.wake is Wake.CANCELLED and reason is not None:
        return Cancelled(reason)
    found = [resolution for resolution in waited.resolutions if resolution is not None]
    if len(found) == len(waited.resolutions):
        refuse_too_large(visit, waited)
        _assign(visit, matches, found, isinstance(config, WaitAll))
        return None
    visit.output = {"timedOut": True}
    if config.on_timeout == "continue":
        return None
    names = [match.event_name for match in matches]
    raise visit.error(
        "WAIT_TIMEOUT",
        Category.TIMEOUT,
        f"{' or '.join(names[:5])} did not come in time.",
        details={"eventNames": names},
    )


def _assign(
    visit: Visit, matches: Sequence[EventMatch], found: Sequence[JsonObject], every: bool
) -> None:
    """In declared order, whatever the events' own."""
    events: list[JsonObject] = []
    for index, resolution in enumerate(found):
        event: JsonObject = resolution["event"]
        events.append({"id": event.get("id"), "name": event.get("name")})
        match = matches[index if every else resolution.get("match", 0)]
        assign_all(visit, match.assign, {"event": event})
    visit.output = {"events": events}


def _each(details: Sequence[JsonObject]) -> list[JsonObject]:
    """One wait for each of all; what the others look for under the same name goes with it."""
    made: list[JsonObject] = []
    for detail in details:
        name = detail["eventName"]
        others: list[Json] = [
            each for each in details if each is not detail and each["eventName"] == name
        ]
        made.append({"matches": [detail]} | ({"besides": others} if others else {}))
    return made


def _detail(visit: Visit, match: EventMatch) -> JsonObject:
    """What the wait looks for, decided when it opens."""
    lookback = due_of(visit, match.lookback)
    seconds = 0.0 if lookback is None else (lookback - visit.effects.now()).total_seconds()
    return {
        "eventName": match.event_name,
        "correlationKey": _key(visit, match),
        "filters": [
            {
                "path": each.path,
                "op": each.op,
                "value": visit.scope.resolve(each.value, visit.path),
            }
            for each in match.filters
        ],
        "lookback": seconds,
    }


def _key(visit: Visit, match: EventMatch) -> str | None:
    """The key as text; None if the document gives none. One that gives nothing is an error."""
    if match.correlation_key is None:
        return None
    given: Json = visit.scope.resolve(match.correlation_key, visit.path)
    key = key_text(given)
    if key is not None:
        return key
    told = "correlationKey has to give a text or a number; without one any event would do."
    if isinstance(given, str) and given:
        told = f"correlationKey has to give one line of {MAX_KEY} characters at most."
    raise visit.error("CORRELATION_KEY_INVALID", Category.VALIDATION, told)
