"""What opens event waits: what they look for, and the events that are there already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_locks import NameAndKey, lock_alone
from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.storage.event_tables import (
    event_keys,
    event_refusals,
    wait_matches,
    workflow_events,
)
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import (
    workflow_run_waits,
    workflow_runs,
)
from alga_workflows_core.types.states import EventState

EVENT_TRIGGER = "event"
"""The trigger type of runs that an event started; their execution key is the id of its row."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a run was asked for, by the database's clock: it began with the event that started it,
    whose row that is."""

    at: datetime
    starter: UUID | None = None


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An accepted event, and all keys that it is found by."""

    row: EventRow
    keys: frozenset[str]


class EventWaits:
    """The event waits of one tenant's runs, in one transaction."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def lock(self, run_id: UUID, looked_for: Iterable[NameAndKey]) -> None:
        """Keep events from being accepted that these look for, and other waits of the run from
        opening, until the transaction ends."""
        await lock_alone(self._connection, self._tenant, looked_for, str(run_id))

    async def look_for(self, wait_id: UUID, looked_for: Sequence[NameAndKey]) -> None:
        """Have events that are accepted from now on meet the wait, while it is WAITING."""
        await self._connection.execute(
            insert(wait_matches).on_conflict_do_nothing(),
            [
                {
                    "tenant": self._tenant,
                    "wait_id": wait_id,
                    "match": index,
                    "event_name": each.name,
                    "correlation_key": each.key,
                }
                for index, each in enumerate(looked_for)
            ],
        )

    async def began(self, run_id: UUID) -> Beginning:
        """When a run, or the event that started it, came."""
        run = (
            await self._connection.execute(
                select(
                    workflow_runs.c.created_at,
                    workflow_runs.c.trigger_type,
                    workflow_runs.c.execution_key,
                ).where(workflow_runs.c.tenant == self._tenant, workflow_runs.c.id == run_id)
            )
        ).one()
        if run.trigger_type != EVENT_TRIGGER:
            return Beginning(run.created_at)
        starter = UUID(run.execution_key)
        received = await self._connection.scalar(
            select(workflow_events.c.received_at).where(
                workflow_events.c.tenant == self._tenant, workflow_events.c.id == starter
            )
        )
        return Beginning(min(run.created_at, received or run.created_at), starter)

    async def unspent(
        self, run_id: UUID, looked_for: Iterable[tuple[NameAndKey, datetime]], starter: UUID | None
    ) -> list[UUID]:
        """Row ids of accepted events that a wait of the run may still have, the oldest first: of
        these names and keys, each accepted no earlier than that.

        An event is spent for a run when one of its waits took it, when the filter of one refused
        it, and when it started the run.
        """
        found: set[tuple[datetime, int, UUID]] = set()
        for each, since in looked_for:
            for row in await self._connection.execute(self._look(run_id, each, since)):
                if row.id != starter:
                    found.add((row.accepted_at, row.position, row.id))
        return [row_id for _, _, row_id in sorted(found)]

    async def read(self, row_ids: Collection[UUID]) -> list[FoundEvent]:
        """These events with their keys, in this order, without those that were removed."""
        keys: dict[UUID, set[str]] = {row_id: set() for row_id in row_ids}
        for row in await self._connection.execute(
            select(event_keys.c.event_id, event_keys.c.key).where(
                event_keys.c.tenant == self._tenant, event_keys.c.event_id.in_(row_ids)
            )
        ):
            keys[row.event_id].add(row.key)
        rows = await self._connection.execute(
            select(workflow_events).where(
                workflow_events.c.tenant == self._tenant, workflow_events.c.id.in_(row_ids)
            )
        )
        events = {row["id"]: read(EventRow, row) for row in rows.mappings()}
        return [
            FoundEvent(events[row_id], frozenset(keys[row_id]))
            for row_id in row_ids
            if row_id in events
        ]

    def _look(self, run_id: UUID, looked_for: NameAndKey, since: datetime) -> Select[Any, Any, Any]:
        events, waits = workflow_events, workflow_run_waits
        query = select(events.c.id, events.c.accepted_at, events.c.position).where(
            events.c.tenant == self._tenant,
            events.c.type == looked_for.name,
            events.c.state == EventState.ACCEPTED,
            events.c.accepted_at >= since,
            or_(events.c.for_run.is_(None), events.c.for_run == run_id),
            ~exists().where(
                waits.c.tenant == self._tenant,
                waits.c.run_id == run_id,
                waits.c.event_id == events.c.id,
            ),
            ~exists().where(
                event_refusals.c.tenant == self._tenant,
                event_refusals.c.run_id == run_id,
                event_refusals.c.event_id == events.c.id,
            ),
        )
        if looked_for.key is not None:
            query = query.join(
                event_keys,
                (event_keys.c.tenant == events.c.tenant) & (event_keys.c.event_id == events.c.id),
            ).where(event_keys.c.event_name == looked_for.name, event_keys.c.key == looked_for.key)
        return query
