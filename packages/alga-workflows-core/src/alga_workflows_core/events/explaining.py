"""What was considered for an event, and why not: from rows, and as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from alga_workflows_core.definition.event_matching import MISSING, concerns, value_at
from alga_workflows_core.events.seen import as_seen
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.deliveries import DeliveryRow
from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.storage.event_traces import SeenTrigger, SeenWait
from alga_workflows_core.storage.inbox import Refusal
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import DefinitionState, DeliveryState, EventState

MOST = 20
"""Of those that look for the event's name and did not get it, so many are told."""

_MOST_TAKEN = 200
_SHOWN_BYTES = 1000


class Outcome(StrEnum):
    """What one of those that were considered has to do with the event."""

    TAKEN = "taken"
    REFUSED_BY_WAIT = "refused_by_wait"
    OTHER_KEY = "other_key"
    TOO_EARLY = "too_early"
    SPENT = "spent"
    FOR_ANOTHER_RUN = "for_another_run"
    STILL_TO_BE_OFFERED = "still_to_be_offered"
    RUN_STARTED = "run_started"
    RUN_PENDING = "run_pending"
    HELD = "held"
    REJECTED = "rejected"
    DEAD = "dead"
    GONE = "gone"
    REFUSED_BY_TRIGGER = "refused_by_trigger"
    TRIGGER_NOT_ACTIVE = "trigger_not_active"
    TRIGGER_TOO_LATE = "trigger_too_late"
    NOT_ACCEPTED_YET = "not_accepted_yet"
    REFUSED_BY_TYPE = "refused_by_type"
    NOBODY = "nobody"


_OF_DELIVERIES: Mapping[DeliveryState, tuple[Outcome, str]] = {
    DeliveryState.PENDING: (Outcome.RUN_PENDING, "is about to start a run"),
    DeliveryState.DELIVERED: (Outcome.RUN_STARTED, "has started a run"),
    DeliveryState.HELD: (Outcome.HELD, "is paused; the event is held until it is resumed"),
    DeliveryState.REJECTED: (Outcome.REJECTED, "has too many runs"),
    DeliveryState.DEAD: (Outcome.DEAD, "could not start a run"),
    DeliveryState.GONE: (Outcome.GONE, "starts no run for it any more"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedFilter:
    """A filter that the event did not meet: what it wanted, and what was `found` at the path.

    `missing`: nothing was there. A value over 1,000 bytes is not shown.
    """

    path: str
    op: str
    value: Json
    found: Json
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A wait, a trigger or, of the event itself, neither. `keys`: those that the wait looks for,
    None for any."""

    outcome: Outcome
    message: str
    run_id: UUID | None = None
    wait_id: UUID | None = None
    step: str | None = None
    definition_id: str | None = None
    version: int | None = None
    keys: Sequence[str | None] = ()
    filter: FailedFilter | None = None
    delivery: DeliveryRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traces:
    """All that rows say about an event."""

    event: EventRow
    keys: Collection[str]
    taken: Sequence[SeenWait]
    deliveries: Sequence[DeliveryRow]
    refusals: Sequence[Refusal]
    refusing: Mapping[UUID, SeenWait]
    refused_by: Mapping[tuple[str, int], JsonObject]
    open: Sequence[SeenWait]
    spent: Collection[UUID]
    triggers: Sequence[SeenTrigger]


async def explain(work: UnitOfWork, event: EventRow) -> list[Considered]:
    """What was considered for `event`, those that have it first."""
    return list(_explain(await _traces(work, event)))


async def _traces(work: UnitOfWork, event: EventRow) -> _Traces:
    traces = work.event_traces
    refusals = await work.inbox.refusals(event.id)
    refusing = await traces.waits([each.wait_id for each in refusals if each.wait_id is not None])
    looking = await traces.open_waits(event.type, limit=MOST)
    return _Traces(
        event=event,
        keys=await traces.keys(event.id),
        taken=await traces.taken_by(event.id, limit=_MOST_TAKEN),
        deliveries=await work.deliveries.of_event(event.id),
        refusals=refusals,
        refusing={wait.id: wait for wait in refusing},
        refused_by=await traces.trigger_details(
            event.type,
            {
                (each.definition_id, each.version)
                for each in refusals
                if each.definition_id is not None and each.version is not None
            },
        ),
        open=looking,
        spent=await traces.spent(event.id, {wait.run_id for wait in looking}),
        triggers=await traces.triggers(event.type, limit=MOST),
    )


def _explain(traces: _Traces) -> Iterator[Considered]:
    found = [
        *_taken(traces),
        *_deliveries(traces),
        *_refusals(traces),
        *_open_waits(traces),
        *_triggers(traces),
    ]
    state = traces.event.state
    if state is EventState.STAGED:
        yield Considered(
            outcome=Outcome.NOT_ACCEPTED_YET,
            message="The event has not been accepted yet; it will be in a moment.",
        )
    elif state is EventState.REFUSED:
        why = (traces.event.refusal or {}).get("message", "")
        yield Considered(
            outcome=Outcome.REFUSED_BY_TYPE,
            message=f"Its type refuses the event, so nobody was offered it. {why}".strip(),
        )
    elif not found:
        yield Considered(
            outcome=Outcome.NOBODY,
            message=f"Nobody looks for events of the name {traces.event.type!r}.",
        )
    yield from found


def _taken(traces: _Traces) -> Iterator[Considered]:
    deliveries = {each.wait_id: each for each in traces.deliveries if each.kind == "wait"}
    for wait in traces.taken:
        yield _wait(
            Outcome.TAKEN,
            wait,
            f"Step {wait.path!r} of run {wait.run_id} has taken it.",
            delivery=deliveries.get(wait.id),
        )


def _deliveries(traces: _Traces) -> Iterator[Considered]:
    for each in traces.deliveries:
        if each.kind != "trigger":
            continue
        outcome, what = _OF_DELIVERIES[each.state]
        why = "" if each.error is None else f" {each.error['message']}"
        yield Considered(
            outcome=outcome,
            message=f"Definition {each.definition_id!r} {what}.{why}",
            run_id=each.run_id if outcome is Outcome.RUN_STARTED else None,
            definition_id=each.definition_id,
            delivery=each,
        )


def _refusals(traces: _Traces) -> Iterator[Considered]:
    event = as_seen(traces.event)
    for each in traces.refusals:
        wait = None if each.wait_id is None else traces.refusing.get(each.wait_id)
        if wait is not None:
            wanted = wait.detail["matches"][each.match]["filters"][each.filter]
            yield _wait(
                Outcome.REFUSED_BY_WAIT,
                wait,
                f"Step {wait.path!r} of run {wait.run_id} looks for such events; "
                f"its filter on {wanted['path']!r} refused this one.",
                failed=_failed(event, wanted),
            )
        elif each.definition_id is not None and each.version is not None:
            trigger = traces.refused_by.get((each.definition_id, each.version), {})
            filters: Sequence[JsonObject] = trigger.get("filters", [])
            wanted = filters[each.filter] if each.filter < len(filters) else None
            on = "" if wanted is None else f" on {wanted['path']!r}"
            yield Considered(
                outcome=Outcome.REFUSED_BY_TRIGGER,
                message=f"Version {each.version} of {each.definition_id!r} starts on such events; "
                f"its filter{on} refused this one.",
                definition_id=each.definition_id,
                version=each.version,
                filter=None if wanted is None else _failed(event, wanted),
            )


def _open_waits(traces: _Traces) -> Iterator[Considered]:
    told = {wait.id for wait in traces.taken} | set(traces.refusing)
    event = as_seen(traces.event)
    for wait in traces.open:
        if wait.id in told:
            continue
        matches: Sequence[JsonObject] = wait.detail["matches"]
        fitting = [match for match in matches if concerns(match, event, traces.keys)]
        outcome, why = _why_not(traces, wait, fitting)
        here = f"Step {wait.path!r} of run {wait.run_id} waits for events of this name"
        yield _wait(outcome, wait, f"{here}{why}")


def _why_not(traces: _Traces, wait: SeenWait, fitting: Sequence[JsonObject]) -> tuple[Outcome, str]:
    """Why an open wait has not been offered an event that some of its matches look for."""
    event = traces.event
    if event.for_run not in (None, wait.run_id):
        return Outcome.FOR_ANOTHER_RUN, f"; this one is for run {event.for_run} alone."
    if event.state is not EventState.ACCEPTED:
        return Outcome.STILL_TO_BE_OFFERED, "; it is offered the event when that is accepted."
    if not fitting:
        return Outcome.OTHER_KEY, ", with another key."
    if wait.run_id in traces.spent or wait.starter == str(event.id):
        return Outcome.SPENT, "; its run has had this one already."
    since = event.accepted_at or event.received_at
    reach = max(match["lookback"] for match in fitting)
    if since < wait.run_created_at - timedelta(seconds=reach):
        return Outcome.TOO_EARLY, "; this one came before its run began."
    return Outcome.SPENT, "; another wait of its run refused this one."


def _triggers(traces: _Traces) -> Iterator[Considered]:
    told = {each.definition_id for each in (*traces.deliveries, *traces.refusals)}
    for trigger in traces.triggers:
        if trigger.definition_id in told:
            continue
        told.add(trigger.definition_id)
        here = f"Version {trigger.version} of {trigger.definition_id!r} starts on such events"
        starts = trigger.state in (DefinitionState.ACTIVE, DefinitionState.PAUSED)
        if not starts or trigger.version != trigger.active_version:
            why = "another version is active" if starts else f"it is {trigger.state}"
            yield _trigger(Outcome.TRIGGER_NOT_ACTIVE, trigger, f"{here}, but {why}.")
        elif traces.event.for_run is not None:
            why = f"this one is for run {traces.event.for_run} alone"
            yield _trigger(Outcome.FOR_ANOTHER_RUN, trigger, f"{here}, but {why}.")
        elif traces.event.state is not EventState.ACCEPTED:
            why = "it is offered the event when that is accepted"
            yield _trigger(Outcome.STILL_TO_BE_OFFERED, trigger, f"{here}; {why}.")
        else:
            why = "has become active after this one was accepted"
            yield _trigger(Outcome.TRIGGER_TOO_LATE, trigger, f"{here}, but {why}.")


def _wait(
    outcome: Outcome,
    wait: SeenWait,
    message: str,
    *,
    failed: FailedFilter | None = None,
    delivery: DeliveryRow | None = None,
) -> Considered:
    return Considered(
        outcome=outcome,
        message=message,
        run_id=wait.run_id,
        wait_id=wait.id,
        step=wait.path,
        keys=[match["correlationKey"] for match in wait.detail["matches"]],
        filter=failed,
        delivery=delivery,
    )


def _trigger(outcome: Outcome, trigger: SeenTrigger, message: str) -> Considered:
    return Considered(
        outcome=outcome,
        message=message,
        definition_id=trigger.definition_id,
        version=trigger.version,
    )


def _failed(event: JsonObject, wanted: JsonObject) -> FailedFilter:
    found = value_at(event, wanted["path"])
    return FailedFilter(
        path=wanted["path"],
        op=wanted["op"],
        value=_shown(wanted.get("value")),
        found=None if found is MISSING else _shown(found),
        missing=found is MISSING,
    )


def _shown(value: Json) -> Json:
    size = encoded_size(value)
    return value if size <= _SHOWN_BYTES else f"… ({size} bytes)"
