"""What happens to a tenant's workers, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from alga_temporal_domain.projects.publishing import found
from alga_temporal_domain.storage.observed import LineRow, Observed, StateRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.hints import Hints

CHANNEL = "alga_domain"

_LOOK_SECONDS = 1.0
_MOST_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What is new since the last look. `last_line`: the line to go on behind."""

    states: list[StateRow]
    lines: list[LineRow]
    last_line: int


class Watching:
    """Looks each second, and as soon as there is a hint. `stopping` ends every watch."""

    def __init__(self, *, storage: DomainStorage, hints: Hints, stopping: asyncio.Event) -> None:
        self._storage = storage
        self._stopping = stopping
        self._hinted: set[asyncio.Event] = set()
        hints.listen(CHANNEL, self._hear)

    def _hear(self, _payload: str) -> None:
        for hinted in self._hinted:
            hinted.set()

    async def exists(self, tenant: str, project_id: UUID) -> None:
        """NotFoundError if the tenant has no such project."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)

    async def watch(
        self, tenant: str, project_id: UUID | None, after_line: int | None
    ) -> AsyncGenerator[Happened]:
        """First what there is, with the lines behind `after_line`, if given; then what changes.

        Of all projects without one. A look at which nothing is new gives an empty `Happened`.
        """
        hinted = asyncio.Event()
        self._hinted.add(hinted)
        seen: dict[UUID, str] = {}
        last = after_line
        try:
            while not self._stopping.is_set():
                hinted.clear()
                happened = await self._look(tenant, project_id, seen, last)
                last = happened.last_line
                yield happened
                if len(happened.lines) < _MOST_LINES:
                    await self._wait(hinted)
        finally:
            self._hinted.discard(hinted)

    async def _look(
        self, tenant: str, project_id: UUID | None, seen: dict[UUID, str], last: int | None
    ) -> Happened:
        async with self._storage.transaction(tenant) as connection:
            observed = Observed(connection, tenant)
            rows = await observed.states(project_id)
            if last is None:
                last = await observed.last_line()
            lines = await observed.lines(project_id, last, _MOST_LINES)
        changed = [row for row in rows if seen.get(row.id) != row.state]
        seen.clear()
        seen.update({row.id: row.state for row in rows})
        return Happened(states=changed, lines=lines, last_line=lines[-1].id if lines else last)

    async def _wait(self, hinted: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (hinted, self._stopping)]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
