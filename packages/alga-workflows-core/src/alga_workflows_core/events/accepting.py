"""Accept events: match them with open waits and triggers, in one short transaction.

An event is a committed row before anything is delivered, and what it is delivered to is committed
with its acceptance. A transaction that fails changes nothing; the relay tries again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid5

import structlog

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.events.matching import Arrival, Decisions, decide
from alga_workflows_core.events.seen import as_seen
from alga_workflows_core.storage.deliveries import NewTriggerDelivery
from alga_workflows_core.storage.event_locks import NameAndKey
from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.storage.event_waits import EVENT_TRIGGER
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.temporal.names import run_id
from alga_workflows_core.types.json import Json

log = structlog.get_logger()

# The root of the ids of deliveries that start runs: uuid5(NAMESPACE_DNS,
# "triggers.alga-workflows").
_TRIGGERS = UUID("ab5ab678-8189-56a7-a174-492d4a72bb1a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a tenant's event types say of an event: why it is refused, or what else it is found by
    besides its own key."""

    refusal: ErrorInfo | None = None
    keys: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToJudge:
    """As much of an event as its type has to know. `id`: of its row."""

    id: UUID
    type: str
    data: Json


class EventTypes(Protocol):
    """The event types of tenants."""

    async def judge(self, work: UnitOfWork, events: Sequence[ToJudge]) -> Mapping[UUID, Judgement]:
        """By the id of the row. An event that is not in the answer is accepted as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many events were accepted and refused, and how many deliveries that made."""

    events: int = 0
    refused: int = 0
    deliveries: int = 0


class Acceptor:
    """Accepts staged events of one tenant. Without `types` every event is accepted as it is."""

    def __init__(self, storage: Storage, types: EventTypes | None = None) -> None:
        self._storage = storage
        self._types = types

    async def accept(self, tenant: str, row_ids: Collection[UUID]) -> Accepted:
        """Accept those of the events that are STAGED, in the order of their receipt."""
        async with self._storage.unit_of_work(tenant) as work:
            staged = await work.inbox.take(row_ids)
            judged = await self._judged(work, staged)
            arrivals: list[Arrival] = []
            for event in staged:
                judgement = judged.get(event.id, Judgement())
                if judgement.refusal is not None:
                    await work.inbox.refuse(event.id, judgement.refusal.as_json())
                else:
                    arrivals.append(_arrival(event, judgement))
            deliveries = await _match(work, arrivals)
            if deliveries:
                work.leaves(Due.DELIVERIES)
        refused = len(staged) - len(arrivals)
        if refused:
            log.warning(
                f"{refused} events were refused by their types",
                action="events.refused",
                tenant=tenant,
            )
        return Accepted(len(arrivals), refused, deliveries)

    async def _judged(
        self, work: UnitOfWork, staged: Sequence[EventRow]
    ) -> Mapping[UUID, Judgement]:
        if self._types is None:
            return {}
        # What a run was told itself, it gets, whatever others think of it.
        return await self._types.judge(
            work,
            [
                ToJudge(id=event.id, type=event.type, data=event.data)
                for event in staged
                if event.for_run is None
            ],
        )


async def _match(work: UnitOfWork, arrivals: Sequence[Arrival]) -> int:
    """Match and write what comes of it; how many deliveries that makes."""
    if not arrivals:
        return 0
    found_by = _found_by(arrivals)
    await work.inbox.lock_to_accept(found_by)
    waits = await work.inbox.open_waits(found_by)
    triggers = await work.event_uses.triggers({each.name for each in found_by})
    decisions = decide(arrivals, waits, triggers)
    await work.inbox.accept([(each.id, each.keys) for each in arrivals])
    await _write(work, decisions)
    return len(decisions.taken) + len(decisions.started)


async def _write(work: UnitOfWork, decisions: Decisions) -> None:
    await work.inbox.resolve(
        [
            (taken.wait.id, taken.arrival.id, {"match": taken.match, "event": taken.arrival.event})
            for taken in decisions.taken
        ]
    )
    await work.deliveries.add_triggers(
        [
            NewTriggerDelivery(
                id=uuid5(_TRIGGERS, f"{started.arrival.id}/{started.trigger.definition_id}"),
                event_id=started.arrival.id,
                definition_id=started.trigger.definition_id,
                run_id=run_id(
                    work.tenant,
                    started.trigger.definition_id,
                    EVENT_TRIGGER,
                    str(started.arrival.id),
                ),
                held=started.trigger.paused,
            )
            for started in decisions.started
        ]
    )
    await work.inbox.add_refusals(decisions.refusals)


def _arrival(event: EventRow, judgement: Judgement) -> Arrival:
    own = () if event.correlation_key is None else (event.correlation_key,)
    return Arrival(
        id=event.id,
        event=as_seen(event),
        keys=frozenset((*own, *judgement.keys)),
        for_run=event.for_run,
    )


def _found_by(arrivals: Sequence[Arrival]) -> set[NameAndKey]:
    found: set[NameAndKey] = set()
    for arrival in arrivals:
        name: str = arrival.event["name"]
        found.add(NameAndKey(name))
        found.update(NameAndKey(name, key) for key in arrival.keys)
    return found
