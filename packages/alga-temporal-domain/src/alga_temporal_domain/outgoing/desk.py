"""Events that go out, as people look after them."""

from __future__ import annotations

from uuid import UUID

from alga_temporal_domain.storage.outgoing import OutgoingRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, NotFoundError


class OutgoingDesk:
    """The events of all tenants."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def page(
        self, tenant: str, *, state: str | None, before: int | None, at_most: int
    ) -> list[OutgoingRow]:
        """The newest first; of one state or of all."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.outgoing.page(state, before, at_most)

    async def redeliver(self, tenant: str, event_id: UUID) -> None:
        """Have an event delivered again that was, or was given up. NotFoundError if there is none,
        ConflictError if it waits for its delivery."""
        async with self._storage.unit_of_work(tenant) as work:
            if await work.outgoing.again(event_id):
                return
            if await work.outgoing.state(event_id) is None:
                raise NotFoundError(f"There is no outgoing event {event_id}.")
        raise ConflictError("The event is still to be delivered.", code="EVENT_PENDING")

    async def redeliver_dead(self, tenant: str) -> int:
        """Have all that were given up delivered again; how many these are."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.outgoing.again(None)
