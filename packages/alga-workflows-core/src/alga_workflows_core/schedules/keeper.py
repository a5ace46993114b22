"""Takes turns with schedules, so that each is kept however often something goes wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.schedules.keeping import Keeping, Turn
from alga_workflows_core.storage.unit_of_work import Storage

log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(seconds=60)

_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0


class ScheduleKeeper:
    """Claims schedules whose turn it is in small batches; each turn belongs to one process.

    A turn that is not ended within `LEASE` is due again, here or elsewhere.
    """

    def __init__(self, *, storage: Storage, keeping: Keeping) -> None:
        self._storage = storage
        self._keeping = keeping

    async def keep_due(self) -> None:
        """Take every turn that is due now."""
        while True:
            claimed = await self._storage.across.claim_schedules(BATCH, LEASE)
            await asyncio.gather(*(self._take(*each) for each in claimed))
            if len(claimed) < BATCH:
                return

    async def _take(self, tenant: str, schedule_id: str) -> None:
        about = {"action": "schedule.keep_failed", "tenant": tenant, "schedule": schedule_id}
        try:
            async with self._storage.unit_of_work(tenant) as work:
                row = await work.schedules.get_kept(schedule_id)
                if row is None:
                    return
                turn = Turn(tenant, row, await work.schedules.now())
        except UnavailableError as error:
            log.warning(f"The turn of schedule {schedule_id} comes later: {error}", **about)
            return
        try:
            await self._keeping.keep(turn)
        except UnavailableError as error:
            log.warning(f"Schedule {schedule_id} is kept later: {error}", **about)
            await self._postpone(turn)
        except Exception:
            # One schedule that cannot be kept must not hold up the others.
            log.exception(f"Schedule {schedule_id} was not kept; it is tried again", **about)
            await self._postpone(turn)

    async def _postpone(self, turn: Turn) -> None:
        doubled = _FIRST_RETRY_SECONDS * 2 ** min(turn.row.keep_failures, 16)
        again = timedelta(seconds=min(doubled, _LONGEST_RETRY_SECONDS))
        try:
            async with self._storage.unit_of_work(turn.tenant) as work:
                if not await work.schedules.not_kept(turn.row.id, turn.row.revision, again=again):
                    await work.schedules.keep_soon(turn.row.id)
        except UnavailableError as error:
            log.warning(
                f"The next turn of schedule {turn.row.id} comes with its lease: {error}",
                action="schedule.keep_failed",
                tenant=turn.tenant,
                schedule=turn.row.id,
            )
