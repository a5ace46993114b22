"""Rows of events, as those who tell them and those who look at them know them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.infra.database import strict_json
from alga_workflows_core.storage.event_rows import (
    EventFilter,
    EventHead,
    EventRow,
    NewEvent,
    event_row_id,
)
from alga_workflows_core.storage.event_tables import workflow_events as events
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.transactions import CallersTransaction
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import EventState

_HEAD = [events.c[field.name] for field in fields(EventHead)]
_STAGE = text("""
    SELECT alga_stage_event(CAST(:tenant AS text), CAST(:id AS uuid), :source, :event_id, :type,
                            :subject, :correlation_key, CAST(:data AS json),
                            CAST(:occurred_at AS timestamptz))
""")


async def stage_in(connection: CallersTransaction, tenant: str, new: NewEvent) -> bool:
    """Stage an event in a transaction of anybody who may execute `alga_stage_event`; False if
    there is such an event already."""
    staged = await connection.scalar(
        _STAGE,
        {
            "tenant": tenant,
            "id": event_row_id(tenant, new.source, new.event_id),
            "source": new.source,
            "event_id": new.event_id,
            "type": new.type,
            "subject": new.subject,
            "correlation_key": new.correlation_key,
            "data": strict_json(new.data),
            "occurred_at": new.occurred_at,
        },
    )
    return bool(staged)


class Events:
    """The events of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def stage(self, new: NewEvent) -> bool:
        """Insert as STAGED: nobody is woken before it has been accepted, in a later transaction.

        False if the tenant has an event of this source and id already, which stays as it is.
        """
        return bool(await self.stage_all([new]))

    async def stage_all(self, new: Sequence[NewEvent]) -> set[UUID]:
        """Stage several, which are received in this order; the row ids of those that are new."""
        rows: dict[UUID, JsonObject] = {}
        for index, each in enumerate(new):
            row_id = event_row_id(self._tenant, each.source, each.event_id)
            received_at = func.statement_timestamp() + timedelta(microseconds=index)
            rows.setdefault(row_id, self._staged(row_id, each) | {"received_at": received_at})
        if not rows:
            return set()
        result = await self._connection.execute(
            insert(events)
            # Whoever stages several does it in the order of the ids, so that no two wait for each
            # other.
            .values([rows[row_id] for row_id in sorted(rows)])
            # No index is named: of two at once, one may meet the other in the primary key first.
            .on_conflict_do_nothing()
            .returning(events.c.id)
        )
        return {row.id for row in result}

    def _staged(self, row_id: UUID, new: NewEvent) -> JsonObject:
        values = {field.name: getattr(new, field.name) for field in fields(NewEvent)}
        return {"tenant": self._tenant, "id": row_id, **values}

    async def known(self, row_ids: Collection[UUID]) -> set[UUID]:
        """Those of the rows that are there."""
        found = await self._connection.execute(
            select(events.c.id).where(events.c.tenant == self._tenant, events.c.id.in_(row_ids))
        )
        return {row.id for row in found}

    async def get(self, row_id: UUID) -> EventRow | None:
        found = await self._connection.execute(
            select(events).where(events.c.tenant == self._tenant, events.c.id == row_id)
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(EventRow, row)

    async def list(
        self, which: EventFilter, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[EventHead]:
        """The newest first, beginning behind `after` (time of receipt and id of a row)."""
        query = select(*_HEAD).where(events.c.tenant == self._tenant)
        for column, wanted in (
            (events.c.type, which.type),
            (events.c.state, which.state),
            (events.c.source, which.source),
            (events.c.correlation_key, which.correlation_key),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if which.since is not None:
            query = query.where(events.c.received_at >= which.since)
        if which.until is not None:
            query = query.where(events.c.received_at < which.until)
        if after is not None:
            query = query.where(tuple_(events.c.received_at, events.c.id) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(events.c.received_at.desc(), events.c.id.desc()).limit(limit)
        )
        return [read(EventHead, row) for row in rows.mappings()]

    async def stage_again(self, row_id: UUID) -> bool:
        """Have an event that was refused accepted now; False if it is not REFUSED."""
        result = await self._connection.execute(
            update(events)
            .where(
                events.c.tenant == self._tenant,
                events.c.id == row_id,
                events.c.state == EventState.REFUSED,
            )
            .values(
                state=EventState.STAGED,
                refusal=None,
                accept_due_at=func.clock_timestamp(),
                accept_attempts=0,
            )
            .returning(events.c.id)
        )
        return result.one_or_none() is not None
