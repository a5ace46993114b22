"""Take staged events to the inbox: works through the table, so that nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from alga_workflows_core.events.accepting import Accepted, Acceptor
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.storage.unit_of_work import Storage

log = structlog.get_logger()

BATCH = 200
AT_ONCE = 50
"""Events of a tenant in one transaction."""
LEASE = timedelta(seconds=30)


class Relay:
    """Claims staged events in batches and accepts them."""

    def __init__(self, *, storage: Storage, acceptor: Acceptor, metrics: Metrics) -> None:
        self._storage = storage
        self._acceptor = acceptor
        self._metrics = metrics

    async def accept_due(self) -> None:
        """Accept everything that is staged now."""
        while True:
            claimed = await self._storage.across.claim_events(BATCH, LEASE)
            by_tenant: dict[str, list[UUID]] = {}
            for tenant, row_id in claimed:
                by_tenant.setdefault(tenant, []).append(row_id)
            await asyncio.gather(*(self._accept(*each) for each in by_tenant.items()))
            if len(claimed) < BATCH:
                return

    async def _accept(self, tenant: str, row_ids: Sequence[UUID]) -> None:
        for start in range(0, len(row_ids), AT_ONCE):
            some = row_ids[start : start + AT_ONCE]
            if await self._accepted(tenant, some) or len(some) == 1:
                continue
            # One of them may be to blame; it must not hold up the others.
            for row_id in some:
                await self._accepted(tenant, [row_id])

    async def _accepted(self, tenant: str, row_ids: Sequence[UUID]) -> bool:
        try:
            accepted = await self._acceptor.accept(tenant, row_ids)
        except Exception:
            # Whatever it is, the events stay staged, and their lease brings them back.
            log.exception(
                f"{len(row_ids)} events could not be accepted; it will be tried again",
                action="events.accept_failed",
                tenant=tenant,
                events=[str(row_id) for row_id in row_ids[:10]],
            )
            return False
        self._tell(accepted)
        return True

    def _tell(self, accepted: Accepted) -> None:
        self._metrics.events("accepted", accepted.events)
        self._metrics.events("refused", accepted.refused)
