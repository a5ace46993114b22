"""Tell runs what has ended their waits: works through the table, so that nothing is lost.

Each delivery is closed after Temporal has accepted the signal, and tried again on its own.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.waits import Delivery
from alga_workflows_core.temporal.names import EVENT_SIGNAL, workflow_id
from alga_workflows_core.temporal.wire import WakeSignal
from alga_workflows_core.types.states import DeliveryState

log = structlog.get_logger()

BATCH = 100
AT_ONCE = 40
LEASE = timedelta(seconds=30)
RPC_TIMEOUT = timedelta(seconds=10)
MOST_ATTEMPTS = 20
LONGEST_DELAY = 300.0
# Temporal is away or busy: that says nothing about the delivery.
UNAVAILABLE = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
    }
)


class Deliverer:
    """Claims due deliveries in batches and sends each as a signal."""

    def __init__(self, *, storage: Storage, client: Client) -> None:
        self._storage = storage
        self._client = client

    async def deliver_due(self) -> None:
        """Deliver everything that is due now."""
        limit = asyncio.Semaphore(AT_ONCE)
        while True:
            claimed = await self._storage.across.claim_deliveries(BATCH, LEASE)
            await asyncio.gather(*(self._deliver(limit, tenant, each) for tenant, each in claimed))
            if len(claimed) < BATCH:
                return

    async def _deliver(self, limit: asyncio.Semaphore, tenant: str, delivery_id: UUID) -> None:
        async with limit:
            try:
                await self._deliver_one(tenant, delivery_id)
            except Exception:
                # It must not hold up the others; its lease brings it back.
                log.exception(
                    f"Delivery {delivery_id} failed; it will be tried again",
                    action="delivery.failed",
                    delivery_id=str(delivery_id),
                    tenant=tenant,
                )

    async def _deliver_one(self, tenant: str, delivery_id: UUID) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            delivery = await work.waits.delivery(delivery_id)
        if delivery is None:
            return
        try:
            await self._client.get_workflow_handle(workflow_id(delivery.run_id)).signal(
                EVENT_SIGNAL,
                WakeSignal(wait_id=delivery.wait_id, resolution=delivery.resolution),
                rpc_timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            await self._not_delivered(tenant, delivery, error)
            return
        async with self._storage.unit_of_work(tenant) as work:
            await work.waits.delivered(delivery_id, DeliveryState.DELIVERED)

    async def _not_delivered(self, tenant: str, delivery: Delivery, error: RPCError) -> None:
        away = error.status in UNAVAILABLE
        async with self._storage.unit_of_work(tenant) as work:
            if error.status is RPCStatusCode.NOT_FOUND:
                await work.waits.delivered(delivery.id, DeliveryState.GONE)
            elif not away and delivery.attempts >= MOST_ATTEMPTS:
                await work.waits.delivered(delivery.id, DeliveryState.DEAD)
            else:
                delay = min(LONGEST_DELAY, 2.0 ** min(delivery.attempts, 10)) if not away else 1.0
                await work.waits.postpone_delivery(
                    delivery.id, delay, error.message, counts=not away
                )
