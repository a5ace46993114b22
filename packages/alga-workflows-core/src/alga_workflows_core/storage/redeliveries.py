"""Trying again what was given up: deliveries, and events that were refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.deliveries import REPEATABLE
from alga_workflows_core.storage.event_tables import workflow_event_deliveries as deliveries
from alga_workflows_core.storage.event_tables import workflow_events as events
from alga_workflows_core.types.states import DeliveryState, EventState


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Which of them; of what is None any. `since` and `until`: when the delivery was made, or the
    event received."""

    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Redeliveries:
    """What one tenant has to be tried again."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def count_deliveries(self, which: GivenUp, state: DeliveryState | None) -> int:
        """How many `repeat_deliveries` would repeat."""
        chosen = self._given_up(which, state).subquery()
        return await self._connection.scalar(select(func.count()).select_from(chosen)) or 0

    async def repeat_deliveries(
        self, which: GivenUp, state: DeliveryState | None, *, after: UUID | None, limit: int
    ) -> list[UUID]:
        """Have deliveries that were given up (DEAD and REJECTED, or `state` alone) tried again:
        the first behind `after`, in the order of their ids, which are answered."""
        chosen = self._given_up(which, state)
        if after is not None:
            chosen = chosen.where(deliveries.c.id > after)
        chosen = chosen.order_by(deliveries.c.id).limit(limit).with_for_update(of=deliveries)
        result = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.tenant == self._tenant,
                deliveries.c.id.in_(select(chosen.cte().c.id)),
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
        return sorted(row.id for row in result)

    async def count_events(self, which: GivenUp) -> int:
        """How many `stage_events_again` would stage."""
        chosen = self._refused(which).subquery()
        return await self._connection.scalar(select(func.count()).select_from(chosen)) or 0

    async def stage_events_again(
        self, which: GivenUp, *, after: UUID | None, limit: int
    ) -> list[UUID]:
        """Have events that were refused accepted now; see `repeat_deliveries`."""
        chosen = self._refused(which)
        if after is not None:
            chosen = chosen.where(events.c.id > after)
        chosen = chosen.order_by(events.c.id).limit(limit).with_for_update()
        result = await self._connection.execute(
            update(events)
            .where(events.c.tenant == self._tenant, events.c.id.in_(select(chosen.cte().c.id)))
            .values(
                state=EventState.STAGED,
                refusal=None,
                accept_due_at=func.clock_timestamp(),
                accept_attempts=0,
            )
            .returning(events.c.id)
        )
        return sorted(row.id for row in result)

    def _given_up(self, which: GivenUp, state: DeliveryState | None) -> Select[tuple[UUID]]:
        states = REPEATABLE if state is None else (state,)
        query = select(deliveries.c.id).where(
            deliveries.c.tenant == self._tenant,
            # Each as a condition of its own, which the index is made for.
            or_(*(deliveries.c.state == each for each in states)),
            *_within(deliveries.c.created_at, which),
        )
        if which.type is None:
            return query
        return query.join(
            events,
            (events.c.tenant == deliveries.c.tenant) & (events.c.id == deliveries.c.event_id),
        ).where(events.c.type == which.type)

    def _refused(self, which: GivenUp) -> Select[tuple[UUID]]:
        query = select(events.c.id).where(
            events.c.tenant == self._tenant,
            events.c.state == EventState.REFUSED,
            *_within(events.c.received_at, which),
        )
        return query if which.type is None else query.where(events.c.type == which.type)


def _within(column: ColumnElement[datetime], which: GivenUp) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.since is not None:
        found.append(column >= which.since)
    if which.until is not None:
        found.append(column < which.until)
    return found
