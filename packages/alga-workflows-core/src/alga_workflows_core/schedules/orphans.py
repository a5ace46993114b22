"""Schedules of ours in Temporal that have no row any more, as after a restored database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.schedules import TemporalSchedules

log = structlog.get_logger()


class ScheduleOrphans:
    """Takes them away, a namespace at a time; what others have made is left alone."""

    def __init__(self, *, storage: Storage, temporal: TemporalSchedules, every: timedelta) -> None:
        self._storage = storage
        self._temporal = temporal
        self._every = every

    async def sweep(self) -> None:
        """Look through the namespace, unless some process has done so a moment ago."""
        # A namespace cannot be named like this, so runs have turns of their own.
        turn = f"schedules of {self._temporal.namespace}"
        if await self._storage.across.claim_sweep(turn, self._every) is None:
            return
        async for page in self._temporal.pages():
            by_tenant: defaultdict[str, list[str]] = defaultdict(list)
            for tenant, name in page:
                by_tenant[tenant].append(name)
            for tenant, names in by_tenant.items():
                await self._look(tenant, names)

    async def _look(self, tenant: str, names: Sequence[str]) -> None:
        # The row is there before Temporal knows, and goes after Temporal has forgotten.
        async with self._storage.unit_of_work(tenant) as work:
            orphans = frozenset(names) - await work.schedules.existing(names)
        for name in sorted(orphans):
            await self._temporal.remove(tenant, name)
            log.warning(
                f"Schedule {name} had no row and was taken out of Temporal",
                action="schedule.orphan_removed",
                tenant=tenant,
                schedule=name,
            )
        if not orphans:
            return
        async with self._storage.unit_of_work(tenant) as work:
            # Somebody may have stored one in this very moment.
            for name in await work.schedules.existing(orphans):
                await work.schedules.keep_soon(name)
