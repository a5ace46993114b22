"""Events as people see them: looked at, explained, and tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alga_workflows_core.errors import NotFoundError
from alga_workflows_core.events.explaining import Considered, explain
from alga_workflows_core.storage.deliveries import DeliveryRow
from alga_workflows_core.storage.event_rows import EventFilter, EventHead, EventRow
from alga_workflows_core.storage.redeliveries import GivenUp
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.types.states import DeliveryState, EventState

log = structlog.get_logger()

MOST_AT_ONCE = 10_000
"""Deliveries, and events, that one request has tried again."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Repeated:
    """How many deliveries are tried again, and how many events that were refused are to be accepted
    again. `more`: there are others, for the next request."""

    deliveries: int
    events: int
    more: bool = False


class EventDesk:
    """Events of any tenant."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def list(
        self,
        tenant: str,
        which: EventFilter,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[EventHead]:
        """The newest first, beginning behind `after`."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.events.list(which, after=after, limit=limit)

    async def get(self, tenant: str, row_id: UUID) -> EventRow:
        """NotFoundError if this tenant has no such event."""
        async with self._storage.unit_of_work(tenant) as work:
            return await _found(work, row_id)

    async def explain(self, tenant: str, row_id: UUID) -> tuple[EventRow, list[Considered]]:
        """The event, and what was considered for it; NotFoundError."""
        async with self._storage.unit_of_work(tenant) as work:
            event = await _found(work, row_id)
            return event, await explain(work, event)

    async def deliveries(
        self,
        tenant: str,
        *,
        state: DeliveryState | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[DeliveryRow]:
        """The newest first, beginning behind `after`."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.deliveries.list(after=after, limit=limit, state=state)

    async def redeliver(self, tenant: str, row_id: UUID, *, by: str) -> Repeated:
        """Have the deliveries of an event that were given up tried again, or the event itself
        accepted again if it was refused; NotFoundError."""
        async with self._storage.unit_of_work(tenant) as work:
            await _found(work, row_id)
            repeated = Repeated(
                await work.deliveries.repeat(row_id), int(await work.events.stage_again(row_id))
            )
            _leave(work)
        _tell(tenant, repeated, by)
        return repeated

    async def redeliver_all(
        self,
        tenant: str,
        which: GivenUp,
        *,
        state: DeliveryState | EventState | None,
        dry_run: bool,
        by: str,
    ) -> Repeated:
        """The same for all that `which` and `state` (DEAD, REJECTED, or REFUSED for events) say, at
        most `MOST_AT_ONCE` of each; with `dry_run` only how many there are."""
        of_deliveries = state if isinstance(state, DeliveryState) else None
        if dry_run:
            async with self._storage.unit_of_work(tenant) as work:
                return Repeated(
                    0
                    if isinstance(state, EventState)
                    else await work.redeliveries.count_deliveries(which, of_deliveries),
                    0
                    if isinstance(state, DeliveryState)
                    else await work.redeliveries.count_events(which),
                )
        deliveries = events = 0
        if not isinstance(state, EventState):
            deliveries = await self._in_batches(
                tenant,
                lambda work, after: work.redeliveries.repeat_deliveries(
                    which, of_deliveries, after=after, limit=_BATCH
                ),
            )
        if not isinstance(state, DeliveryState):
            events = await self._in_batches(
                tenant,
                lambda work, after: work.redeliveries.stage_events_again(
                    which, after=after, limit=_BATCH
                ),
            )
        repeated = Repeated(deliveries, events, MOST_AT_ONCE in (deliveries, events))
        _tell(tenant, repeated, by)
        return repeated

    async def _in_batches(
        self, tenant: str, repeat: Callable[[UnitOfWork, UUID | None], Awaitable[list[UUID]]]
    ) -> int:
        """In the order of their ids, so that what is given up again meanwhile is left alone."""
        count, after = 0, None
        while count < MOST_AT_ONCE:
            async with self._storage.unit_of_work(tenant) as work:
                repeated = await repeat(work, after)
                _leave(work)
            count += len(repeated)
            if len(repeated) < _BATCH:
                break
            after = repeated[-1]
        return count


def _leave(work: UnitOfWork) -> None:
    work.leaves(Due.DELIVERIES)
    work.leaves(Due.EVENTS)


def _tell(tenant: str, repeated: Repeated, by: str) -> None:
    log.info(
        f"{repeated.deliveries} deliveries and {repeated.events} refused events are tried again, "
        f"as {by} wants",
        action="events.redelivered",
        tenant=tenant,
        deliveries=repeated.deliveries,
        events=repeated.events,
    )


async def _found(work: UnitOfWork, row_id: UUID) -> EventRow:
    event = await work.events.get(row_id)
    if event is None:
        raise NotFoundError(
            f"There is no event {row_id}.", remedy="GET /api/v1/events lists the newest."
        )
    return event
