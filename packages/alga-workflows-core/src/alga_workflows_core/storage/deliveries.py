"""Rows of deliveries: what has to be told to runs, and the runs that events start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_tables import workflow_event_deliveries as deliveries
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_run_waits as waits
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import DeliveryState

_TRIGGERS = text("""
    INSERT INTO workflow_event_deliveries
        (tenant, id, kind, event_id, definition_id, run_id, state, position)
    SELECT e.tenant, t.id, 'trigger', e.id, t.definition_id, t.run_id, t.state, e.position
    FROM unnest(CAST(:ids AS uuid[]), CAST(:events AS uuid[]), CAST(:definitions AS text[]),
                CAST(:runs AS uuid[]), CAST(:states AS text[]))
         AS t(id, event_id, definition_id, run_id, state)
    JOIN workflow_events e ON e.tenant = :tenant AND e.id = t.event_id
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something that is to be delivered. `kind`: `wait` tells the run the `resolution` of its wait,
    `trigger` starts a run of the definition for the event, `cancel` asks the run to cancel."""

    id: UUID
    kind: str
    run_id: UUID
    wait_id: UUID | None
    event_id: UUID | None
    definition_id: str | None
    attempts: int
    resolution: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery as people see it. `error` is an `ErrorInfo` as JSON: why it was given up;
    `last_error` is what the last attempt that is to be repeated met."""

    id: UUID
    kind: str
    state: DeliveryState
    run_id: UUID
    wait_id: UUID | None
    event_id: UUID | None
    definition_id: str | None
    attempts: int
    next_at: datetime
    last_error: str | None
    error: JsonObject | None
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTriggerDelivery:
    """A run to be started for an event that was accepted. `run_id` is the one that it will have."""

    id: UUID
    event_id: UUID
    definition_id: str
    run_id: UUID
    held: bool


REPEATABLE = (DeliveryState.DEAD, DeliveryState.REJECTED)
"""The states from which an operator may have a delivery tried again."""


class Deliveries:
    """The deliveries of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add_triggers(self, new: Sequence[NewTriggerDelivery]) -> None:
        """Insert deliveries that start runs; one per event and definition, however often."""
        if new:
            await self._connection.execute(
                _TRIGGERS,
                {
                    "tenant": self._tenant,
                    "ids": [each.id for each in new],
                    "events": [each.event_id for each in new],
                    "definitions": [each.definition_id for each in new],
                    "runs": [each.run_id for each in new],
                    "states": [
                        DeliveryState.HELD if each.held else DeliveryState.PENDING for each in new
                    ],
                },
            )

    async def add_cancel(self, delivery_id: UUID, run_id: UUID) -> None:
        """Have a run asked to cancel, once per `delivery_id`."""
        await self._connection.execute(
            insert(deliveries)
            .values(tenant=self._tenant, id=delivery_id, kind="cancel", run_id=run_id)
            .on_conflict_do_nothing()
        )

    async def pending(self, delivery_id: UUID) -> Delivery | None:
        """A delivery that is PENDING, with what it delivers."""
        found = await self._connection.execute(
            select(
                deliveries.c.id,
                deliveries.c.kind,
                deliveries.c.run_id,
                deliveries.c.wait_id,
                deliveries.c.event_id,
                deliveries.c.definition_id,
                deliveries.c.attempts,
                waits.c.resolution,
            )
            .outerjoin(
                waits,
                (waits.c.tenant == deliveries.c.tenant) & (waits.c.id == deliveries.c.wait_id),
            )
            .where(self._pending(delivery_id))
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(Delivery, row)

    async def close(
        self, delivery_id: UUID, state: DeliveryState, error: JsonObject | None = None
    ) -> bool:
        """The delivery is over, or HELD, for that reason; False if it is not PENDING."""
        closed_at = None if state is DeliveryState.HELD else func.clock_timestamp()
        result = await self._connection.execute(
            update(deliveries)
            .where(self._pending(delivery_id))
            .values(state=state, closed_at=closed_at, error=error)
            .returning(deliveries.c.id)
        )
        return result.one_or_none() is not None

    async def postpone(
        self, delivery_id: UUID, seconds: float, error: str, *, counts: bool
    ) -> None:
        """Try it again after `seconds`; the attempt is forgotten unless it `counts`."""
        attempts = deliveries.c.attempts if counts else deliveries.c.attempts - 1
        await self._connection.execute(
            update(deliveries)
            .where(self._pending(delivery_id))
            .values(
                next_at=func.clock_timestamp() + timedelta(seconds=seconds),
                attempts=attempts,
                last_error=error,
            )
        )

    async def release(self, definition_id: str) -> int:
        """Have what was held for a definition delivered now; how many that are."""
        result = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.tenant == self._tenant,
                deliveries.c.definition_id == definition_id,
                deliveries.c.state == DeliveryState.HELD,
            )
            .values(state=DeliveryState.PENDING, next_at=func.transaction_timestamp(), attempts=0)
            .returning(deliveries.c.id)
        )
        return len(result.all())

    async def drop_held(self, definition_id: str, error: JsonObject) -> int:
        """Give up what was held for a definition that starts no runs any more."""
        result = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.tenant == self._tenant,
                deliveries.c.definition_id == definition_id,
                deliveries.c.state == DeliveryState.HELD,
            )
            .values(state=DeliveryState.GONE, closed_at=func.clock_timestamp(), error=error)
            .returning(deliveries.c.id)
        )
        return len(result.all())

    async def of_event(self, event_id: UUID) -> list[DeliveryRow]:
        """All deliveries of an event, in the order in which they were made."""
        rows = await self._connection.execute(
            select(deliveries)
            .where(deliveries.c.tenant == self._tenant, deliveries.c.event_id == event_id)
            .order_by(deliveries.c.created_at, deliveries.c.id)
        )
        return [read(DeliveryRow, row) for row in rows.mappings()]

    async def list(
        self,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        state: DeliveryState | None = None,
    ) -> list[DeliveryRow]:
        """The newest first, beginning behind `after` (creation time and id of a delivery)."""
        query = select(deliveries).where(deliveries.c.tenant == self._tenant)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        if after is not None:
            query = query.where(tuple_(deliveries.c.created_at, deliveries.c.id) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(limit)
        )
        return [read(DeliveryRow, row) for row in rows.mappings()]

    async def repeat(self, event_id: UUID) -> int:
        """Have the deliveries of an event that were given up tried again; how many that are."""
        result = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.tenant == self._tenant,
                deliveries.c.event_id == event_id,
                deliveries.c.state.in_(REPEATABLE),
            )
            .values(
                state=DeliveryState.PENDING,
                next_at=func.clock_timestamp(),
                attempts=0,
                closed_at=None,
                error=None,
            )
            .returning(deliveries.c.id)
        )
        return len(result.all())

    def _pending(self, delivery_id: UUID) -> ColumnElement[bool]:
        return (
            (deliveries.c.tenant == self._tenant)
            & (deliveries.c.id == delivery_id)
            & (deliveries.c.state == DeliveryState.PENDING)
        )
