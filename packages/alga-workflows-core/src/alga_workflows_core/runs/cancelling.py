"""Ask runs to cancel that others are done with: durably, as often as it takes."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.runs.closing import RUN_ENDED
from alga_workflows_core.storage.deliveries import Delivery
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import DeliveryState


class CancelsRuns(Protocol):
    """`RunOperations` does."""

    async def cancel(self, tenant: str, run_id: UUID, *, by: str, reason: str = "") -> RunRow:
        """Have the run end by itself; ConflictError `RUN_ENDED`, NotFoundError."""
        ...


class CancelDeliveries:
    """Delivers what is of kind `cancel`."""

    def __init__(self, storage: Storage, runs: CancelsRuns) -> None:
        self._storage = storage
        self._runs = runs

    async def deliver(self, tenant: str, delivery: Delivery) -> None:
        """Ask the run to cancel; one that has not begun ends at once."""
        async with self._storage.unit_of_work(tenant) as work:
            run = await work.runs.get(delivery.run_id)
            slots = await work.slots.of_run(delivery.run_id)
        state = DeliveryState.GONE
        if run is not None:
            by, reason = f"run:{run.parent_run_id}", "The run that waited for it has been ended."
            if any(slot.leaving for slot in slots):
                by, reason = "concurrency", "A newer run takes its place."
            try:
                await self._runs.cancel(tenant, run.id, by=by, reason=reason)
                state = DeliveryState.DELIVERED
            except NotFoundError:
                pass
            except ConflictError as error:
                if error.error_code != RUN_ENDED:
                    raise
        async with self._storage.unit_of_work(tenant) as work:
            await work.deliveries.close(delivery.id, state)
