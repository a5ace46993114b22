"""Deliver what is due: works through the table, so that nothing is lost.

A run is told what has ended its wait, or asked to cancel; a run is started for an event. Each
delivery is closed after Temporal has accepted it, or together with the row of the run that it
starts, and tried again on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.errors import Category, ErrorInfo, UnavailableError
from alga_workflows_core.infra.temporal import AWAY
from alga_workflows_core.storage.deliveries import Delivery
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import EVENT_SIGNAL, workflow_id
from alga_workflows_core.temporal.wire import WakeSignal
from alga_workflows_core.types.states import DeliveryState

log = structlog.get_logger()

BATCH = 100
AT_ONCE = 40
LEASE = timedelta(seconds=30)
LONGEST_BATCH = 5.0
"""Seconds after which a definition that starts slowly lets others go first."""
RPC_TIMEOUT = timedelta(seconds=10)
MOST_ATTEMPTS = 20
LONGEST_DELAY = 300.0


class DeliversElsewhere(Protocol):
    """Delivers what is no message to a run."""

    async def deliver(self, tenant: str, delivery: Delivery) -> None:
        """Deliver and close it, or close it for good with the reason. What is raised has it tried
        again; UnavailableError does not count."""
        ...


class Deliverer:
    """Claims due deliveries in batches and delivers each. `elsewhere`: by kind."""

    def __init__(
        self,
        *,
        storage: Storage,
        client: Client,
        elsewhere: Mapping[str, DeliversElsewhere] | None = None,
    ) -> None:
        self._storage = storage
        self._client = client
        self._elsewhere = elsewhere or {}

    async def deliver_due(self) -> None:
        """Deliver everything that is due now; the runs of a definition start in the order in which
        their events were accepted."""
        while True:
            claimed = await self._storage.across.claim_deliveries(BATCH, LEASE)
            until = asyncio.get_running_loop().time() + LONGEST_BATCH
            by_tenant: dict[str, list[UUID]] = {}
            for tenant, delivery_id in claimed:
                by_tenant.setdefault(tenant, []).append(delivery_id)
            limit = asyncio.Semaphore(AT_ONCE)
            all_done = await asyncio.gather(
                *(self._of_tenant(limit, until, tenant, ids) for tenant, ids in by_tenant.items())
            )
            if len(claimed) < BATCH and all(all_done):
                return

    async def _of_tenant(
        self, limit: asyncio.Semaphore, until: float, tenant: str, delivery_ids: Sequence[UUID]
    ) -> bool:
        """Whether all were tried."""
        try:
            async with self._storage.unit_of_work(tenant) as work:
                pending = await work.deliveries.pending(delivery_ids)
        except Exception:
            # Another tenant's must not be held up; their lease brings these back.
            log.exception(
                f"{len(delivery_ids)} deliveries could not be read; they will be tried again",
                action="delivery.failed",
                tenant=tenant,
            )
            return True
        rows: dict[str | UUID, list[Delivery]] = {}
        for delivery in pending:
            starts = delivery.kind == "trigger" and delivery.definition_id
            rows.setdefault(starts or delivery.id, []).append(delivery)
        left = await asyncio.gather(
            *(self._in_turn(limit, until, tenant, row) for row in rows.values())
        )
        not_tried = [delivery.id for some in left for delivery in some]
        if not_tried:
            async with self._storage.unit_of_work(tenant) as work:
                await work.deliveries.give_back(not_tried)
        return not not_tried

    async def _in_turn(
        self, limit: asyncio.Semaphore, until: float, tenant: str, row: Sequence[Delivery]
    ) -> Sequence[Delivery]:
        """Deliver one after the other; those that there was no time for."""
        for index, delivery in enumerate(row):
            if index and asyncio.get_running_loop().time() > until:
                return row[index:]
            async with limit:
                await self._deliver(tenant, delivery)
        return []

    async def _deliver(self, tenant: str, delivery: Delivery) -> None:
        try:
            await self._deliver_one(tenant, delivery)
        except Exception:
            # It must not hold up the others; its lease brings it back.
            log.exception(
                f"Delivery {delivery.id} failed; it will be tried again",
                action="delivery.failed",
                delivery_id=str(delivery.id),
                tenant=tenant,
            )

    async def _deliver_one(self, tenant: str, delivery: Delivery) -> None:
        elsewhere = self._elsewhere.get(delivery.kind)
        if elsewhere is None:
            await self._tell_run(tenant, delivery)
            return
        try:
            await elsewhere.deliver(tenant, delivery)
        except UnavailableError as error:
            await self._again(tenant, delivery, str(error), away=True)
        except Exception as error:
            log.exception(
                f"Delivery {delivery.id} failed; it will be tried again",
                action="delivery.failed",
                delivery_id=str(delivery.id),
                tenant=tenant,
            )
            # What it is stays in the log: a text that nobody has looked at may hold anything.
            await self._again(tenant, delivery, type(error).__name__, away=False)

    async def _tell_run(self, tenant: str, delivery: Delivery) -> None:
        try:
            await _send(self._client.get_workflow_handle(workflow_id(delivery.run_id)), delivery)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                await self._close(tenant, delivery, DeliveryState.GONE)
            else:
                away = error.status in AWAY
                await self._again(tenant, delivery, error.message, away=away)
            return
        await self._close(tenant, delivery, DeliveryState.DELIVERED)

    async def _again(self, tenant: str, delivery: Delivery, why: str, *, away: bool) -> None:
        if not away and delivery.attempts >= MOST_ATTEMPTS:
            given_up = ErrorInfo(
                code="DELIVERY_FAILED",
                category=Category.TRANSIENT,
                message=f"It failed {delivery.attempts} times, the last time so: {why}.",
                retryable=True,
            )
            await self._close(tenant, delivery, DeliveryState.DEAD, given_up)
            return
        delay = 1.0 if away else min(LONGEST_DELAY, 2.0 ** min(delivery.attempts, 10))
        async with self._storage.unit_of_work(tenant) as work:
            await work.deliveries.postpone(delivery.id, delay, why, counts=not away)

    async def _close(
        self,
        tenant: str,
        delivery: Delivery,
        state: DeliveryState,
        error: ErrorInfo | None = None,
    ) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            as_json = None if error is None else error.as_json()
            await work.deliveries.close(delivery.id, state, as_json)


async def _send(run: WorkflowHandle[object, object], delivery: Delivery) -> None:
    if delivery.kind == "cancel":
        await run.cancel(rpc_timeout=RPC_TIMEOUT)
    elif delivery.wait_id is not None and delivery.resolution is not None:
        wake = WakeSignal(wait_id=delivery.wait_id, resolution=delivery.resolution)
        await run.signal(EVENT_SIGNAL, wake, rpc_timeout=RPC_TIMEOUT)
