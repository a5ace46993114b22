"""Which open waits take which events, and which triggers. Pure: rows in, decisions out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from alga_workflows_core.definition.event_matching import Taken, first_refusal, offer
from alga_workflows_core.storage.event_locks import NameAndKey
from alga_workflows_core.storage.event_uses import TriggerRow
from alga_workflows_core.storage.inbox import OpenWait, Refusal
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event that is being accepted. `event` is what definitions see; `for_run`: the only run
    that may have it, which no trigger may."""

    id: UUID
    event: JsonObject
    keys: Collection[str]
    for_run: UUID | None


@dataclass(frozen=True, slots=True)
class TakenBy:
    """A wait that takes an event, by its match of this index."""

    arrival: Arrival
    wait: OpenWait
    match: int


@dataclass(frozen=True, slots=True)
class Started:
    """A trigger that takes an event."""

    arrival: Arrival
    trigger: TriggerRow


@dataclass(frozen=True, slots=True)
class Decisions:
    """What becomes of a number of events."""

    taken: list[TakenBy] = field(default_factory=list[TakenBy])
    started: list[Started] = field(default_factory=list[Started])
    refusals: list[Refusal] = field(default_factory=list[Refusal])


def decide(
    arrivals: Sequence[Arrival], waits: Sequence[OpenWait], triggers: Sequence[TriggerRow]
) -> Decisions:
    """One event after the other. Of a run's waits the one that is longest open and takes an event
    has it; `waits` are in the order in which they were opened."""
    decisions = Decisions()
    open_waits: dict[UUID, list[OpenWait]] = {}
    runs: dict[NameAndKey, dict[UUID, None]] = {}
    for wait in waits:
        open_waits.setdefault(wait.run_id, []).append(wait)
        for match in wait.detail["matches"]:
            found_by = NameAndKey(match["eventName"], match["correlationKey"])
            runs.setdefault(found_by, {})[wait.run_id] = None
    for arrival in arrivals:
        for run_id in _looking(arrival, runs):
            if arrival.for_run in (None, run_id):
                _offer_to_run(arrival, open_waits[run_id], decisions)
        if arrival.for_run is None:
            for trigger in triggers:
                if trigger.event_name == arrival.event["name"]:
                    _offer_to_trigger(arrival, trigger, decisions)
    return decisions


def _looking(arrival: Arrival, runs: Mapping[NameAndKey, Mapping[UUID, None]]) -> list[UUID]:
    """The runs that have a wait for such an event, each once."""
    name: str = arrival.event["name"]
    found: dict[UUID, None] = {}
    for key in (None, *sorted(arrival.keys)):
        found.update(runs.get(NameAndKey(name, key), {}))
    return list(found)


def _offer_to_run(arrival: Arrival, waits: list[OpenWait], decisions: Decisions) -> None:
    for wait in waits:
        found = offer(arrival.event, arrival.keys, wait.detail)
        if isinstance(found, Taken):
            decisions.taken.append(TakenBy(arrival, wait, found.match))
            waits.remove(wait)
            return
        if found is not None:
            decisions.refusals.append(
                Refusal(
                    event_id=arrival.id,
                    run_id=wait.run_id,
                    wait_id=wait.id,
                    match=found.match,
                    filter=found.filter,
                )
            )


def _offer_to_trigger(arrival: Arrival, trigger: TriggerRow, decisions: Decisions) -> None:
    refusal = first_refusal(arrival.event, trigger.detail.get("filters", []))
    if refusal is None:
        decisions.started.append(Started(arrival, trigger))
        return
    decisions.refusals.append(
        Refusal(
            event_id=arrival.id,
            definition_id=trigger.definition_id,
            version=trigger.version,
            match=0,
            filter=refusal,
        )
    )
