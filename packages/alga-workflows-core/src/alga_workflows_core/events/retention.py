"""Remove events that are old and that nobody needs, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.storage.old_events import EventAges
from alga_workflows_core.storage.unit_of_work import Storage

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
"""Of all processes one looks, this often."""
PAGES = 50
"""Transactions of one turn at most."""
PAGE = 500
"""Events that one transaction looks at, at most."""

_TENANTS = 100
# A namespace cannot be named like this, so what sweeps those has turns of its own.
_TURN = "old events"


class EventRetention:
    """Walks through the old events of all tenants and begins anew at the end. What was refused or
    given up is kept twice as long, so that people can repair it."""

    def __init__(
        self,
        storage: Storage,
        metrics: Metrics,
        *,
        keep: timedelta,
        every: timedelta = EVERY,
        pages: int = PAGES,
        page: int = PAGE,
    ) -> None:
        self._storage = storage
        self._metrics = metrics
        self._ages = EventAges(settled=keep, failed=2 * keep)
        self._every = every
        self._pages = pages
        self._page = page
        self._tenants: deque[str] = deque()
        self._last_tenant = ""
        self._after: tuple[datetime, UUID] | None = None

    async def remove_old(self) -> None:
        """Go on where the last turn has ended, if it is this process's turn."""
        if await self._storage.across.claim_sweep(_TURN, self._every) is None:
            return
        left = self._pages
        while left > 0:
            if not self._tenants:
                found = await self._storage.across.tenants_with_events(self._last_tenant, _TENANTS)
                self._tenants.extend(found)
            if not self._tenants:
                self._last_tenant = ""
                return
            # Should it fail, the next turn is the next tenant's.
            tenant = self._last_tenant = self._tenants.popleft()
            after, self._after = self._after, None
            left -= await self._visit(tenant, after, left)

    async def _visit(self, tenant: str, after: tuple[datetime, UUID] | None, most: int) -> int:
        """How many pages that took; after the last one the next turn goes on with this tenant."""
        needed: dict[str, datetime] | None = None
        pages, removed = 0, 0
        while pages < most:
            pages += 1
            async with self._storage.unit_of_work(tenant) as work:
                page = await work.old_events.page(self._ages.settled, after=after, limit=self._page)
                if page:
                    if needed is None:
                        needed = await work.old_events.needed_since(self._ages.settled)
                    removed += await work.old_events.remove(
                        [row_id for _, row_id in page], self._ages, needed
                    )
            if len(page) < self._page:
                break
            after = page[-1]
        else:
            self._tenants.appendleft(tenant)
            self._after = after
        self._tell(tenant, removed)
        return pages

    def _tell(self, tenant: str, removed: int) -> None:
        if removed:
            self._metrics.events("removed", removed)
            log.info(
                f"{removed} old events were removed",
                action="events.removed",
                tenant=tenant,
            )
