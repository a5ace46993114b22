"""Definitions that start on events, without a service around them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.catalogue.lifecycle import DefinitionLifecycle
from alga_workflows_core.events.triggers import TriggerDeliveries
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.storage.deliveries import Delivery, DeliveryRow
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.json import JsonObject
from tests.core.events.inboxes import NAME, TENANT


@dataclass(frozen=True, slots=True)
class Triggered:
    """One definition of TENANT that starts on events of NAME."""

    storage: Storage
    id: str = "triggered"

    @property
    def lifecycle(self) -> DefinitionLifecycle:
        return DefinitionLifecycle(self.storage)

    async def publish(self) -> None:
        catalogue = ActionCatalogue(storage=self.storage, own={})
        service = DefinitionService(storage=self.storage, actions=catalogue)
        document: JsonObject = {
            "id": self.id,
            "name": "Starts on an event",
            "trigger": {"type": "event", "eventName": NAME},
            "steps": [{"id": "done", "type": "control.return", "value": 1}],
        }
        await service.save_draft(TENANT, self.id, document, by="test")
        await service.publish(TENANT, self.id, note=None, by="test")

    async def pause(self) -> None:
        await self.lifecycle.pause(TENANT, self.id, by="test")

    async def resume(self) -> None:
        await self.lifecycle.resume(TENANT, self.id, by="test")

    async def delivery(self, event: UUID) -> DeliveryRow:
        """What the event is delivered to."""
        async with self.storage.unit_of_work(TENANT) as work:
            (row,) = await work.deliveries.of_event(event)
        return row

    async def claimed(self, event: UUID) -> Delivery:
        """The same as whoever has claimed it sees it."""
        row = await self.delivery(event)
        async with self.storage.unit_of_work(TENANT) as work:
            (found,) = await work.deliveries.pending([row.id])
        return found

    async def deliver(self, delivery: Delivery) -> None:
        launcher = Launcher(self.storage)
        deliveries = TriggerDeliveries(self.storage, launcher.start_for_event)
        await deliveries.deliver(TENANT, delivery)

    async def runs(self) -> list[RunRow]:
        async with self.storage.unit_of_work(TENANT) as work:
            return await work.runs.list(after=None, limit=100)
