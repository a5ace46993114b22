"""What the workflow has done outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import activity

from alga_temporal_domain.sla.contracts import Recorded
from alga_temporal_domain.sla.names import RECORD_ACTIVITY
from alga_temporal_domain.sla.rows import clock_rows, item_row, write_facts
from alga_temporal_domain.storage.unit_of_work import DomainStorage


class SlaActivities:
    """`hint` is told that there are events to be delivered, and never fails."""

    def __init__(self, storage: DomainStorage, hint: Callable[[], Awaitable[None]]) -> None:
        self._storage = storage
        self._hint = hint

    @activity.defn(name=RECORD_ACTIVITY)
    async def record(self, recorded: Recorded) -> None:
        """Write an item, its clocks, what has happened and the events of it, all in one
        transaction. Once more changes nothing."""
        state = recorded.state
        async with self._storage.unit_of_work(state.tenant) as work:
            await work.sla.save(item_row(state, recorded.next_due), clock_rows(state))
            await write_facts(work, state, recorded.facts)
        await self._hint()
