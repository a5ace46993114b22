"""Looks after projects' processes: renew leases, claim slots, have each slot be as it is wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from alga_temporal_domain.projects.supervision.keeper import SlotKeeper
from alga_temporal_domain.projects.supervision.leases import Grant, Leases
from alga_temporal_domain.projects.supervision.means import Means
from alga_temporal_domain.storage.slots import SlotKey
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.supervisor import happens_within

log = structlog.get_logger()

CHANNEL = "alga_domain"

# Many hints at once lead to one round.
_SHORTEST_ROUND = 0.05


class ProjectSupervisor:
    """A service. What it holds it renews each tick; what it has lost it has ended before that."""

    name = "project-supervisor"

    def __init__(self, means: Means, leases: Leases, hints: Hints | None = None) -> None:
        self._means = means
        self._leases = leases
        self._keepers: dict[SlotKey, SlotKeeper] = {}
        self._poked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._is_away = False
        if hints is not None:
            hints.listen(CHANNEL, lambda _payload: self.poke())

    @property
    def keepers(self) -> tuple[SlotKeeper, ...]:
        """Those of the slots that are held."""
        return tuple(keeper for keeper in self._keepers.values() if not keeper.is_lost)

    def poke(self) -> None:
        """Look now instead of at the next tick."""
        self._poked.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Ready as soon as PostgreSQL has answered once. Ends when all processes have."""
        try:
            while not (self._stopping.is_set() and not self._keepers):
                began = time.monotonic()
                self._poked.clear()
                if await self._round():
                    ready()
                if self._stopping.is_set() and not self._keepers:
                    break
                await asyncio.sleep(max(0.0, _SHORTEST_ROUND - (time.monotonic() - began)))
                await happens_within(
                    self._poked, self._means.settings.tick - (time.monotonic() - began)
                )
            await self._leave()
        finally:
            for keeper in self._keepers.values():
                keeper.lose()

    async def stop(self) -> None:
        """End all processes at once; the leases go on until each has ended."""
        self._stopping.set()
        for keeper in self.keepers:
            keeper.stop()
        self.poke()

    async def _round(self) -> bool:
        """Whether PostgreSQL answered."""
        for keeper in self.keepers:
            # Before any call: the database is not to wait for a process that should be gone.
            if time.monotonic() >= keeper.grant.deadline:
                keeper.lose()
        try:
            async with asyncio.timeout(self._means.settings.ttl / 2):
                await self._renew()
                await self._release()
                if not self._stopping.is_set():
                    await self._take(await self._leases.claim())
        except (UnavailableError, TimeoutError) as error:
            self._say_once(str(error) or "no answer in time")
            return False
        self._is_away = False
        return True

    async def _renew(self) -> None:
        held = {keeper.grant.key: keeper for keeper in self.keepers}
        renewed = {
            grant.key: grant
            for grant in await self._leases.renew([keeper.grant for keeper in held.values()])
        }
        for key, keeper in held.items():
            grant = renewed.get(key)
            if grant is None or time.monotonic() >= grant.deadline:
                keeper.lose()
            else:
                keeper.renewed(grant)
        self._yield_one(list(held.values()))

    def _yield_one(self, keepers: list[SlotKeeper]) -> None:
        """Leave one slot to whoever should rather have it, one in a round."""
        for keeper in keepers:
            if keeper.grant.wish.yields_to is not None and not keeper.is_lost:
                keeper.stop()
                return

    async def _release(self) -> None:
        """Give back slots whose processes have ended, and forget the lost ones."""
        done = [keeper for keeper in self._keepers.values() if keeper.is_done]
        for keeper in done:
            _report(keeper)
        released = [keeper.grant for keeper in done if not keeper.is_lost]
        if released:
            await self._leases.release(released)
        for keeper in done:
            self._keepers.pop(keeper.grant.key)

    async def _take(self, claimed: list[Grant]) -> None:
        # Where what was lost is ending still, the slot is claimed again later.
        ending = self._keepers.keys() if not self._stopping.is_set() else {g.key for g in claimed}
        if unused := [grant for grant in claimed if grant.key in ending]:
            await self._leases.release(unused)
        for grant in claimed:
            if grant in unused:
                continue
            if grant.is_taken_over:
                self._means.metrics.taken_over()
            keeper = SlotKeeper(self._means, grant)
            keeper.task.add_done_callback(lambda _task: self.poke())
            self._keepers[grant.key] = keeper

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(self._means.settings.ttl / 2):
                await self._leases.release([], is_leaving=True)
        except (UnavailableError, TimeoutError):
            # The others see it as soon as the leases are over.
            return

    def _say_once(self, reason: str) -> None:
        if not self._is_away:
            log.warning(
                f"Leases of slots could not be renewed: {reason}", action="leases.not_renewed"
            )
        self._is_away = True


def _report(keeper: SlotKeeper) -> None:
    """A keeper that failed is a fault of ours; its slot is claimed and kept anew."""
    if keeper.task.cancelled():
        return
    error = keeper.task.exception()
    if error is not None:
        log.error("The keeper of a slot failed.", action="slot.failed", exc_info=error)
