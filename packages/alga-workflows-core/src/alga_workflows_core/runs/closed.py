"""Hear of runs that ended, in whichever process that was."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from uuid import UUID

from alga_workflows_core.infra.hints import Hints

CHANNEL = "alga_run_closed"


class ClosedRuns:
    """The place where the end of a run is announced and waited for.

    An announcement may be lost, so whoever waits also looks at the row from time to time.
    """

    def __init__(self, hints: Hints) -> None:
        self._hints = hints
        self._watching: dict[UUID, set[asyncio.Event]] = {}
        hints.listen(CHANNEL, self._hear)

    async def announce(self, run_id: UUID) -> None:
        """Tell every process that this run ended. Never fails."""
        self._wake(run_id)
        await self._hints.send(CHANNEL, str(run_id))

    @contextmanager
    def watch(self, run_id: UUID) -> Generator[asyncio.Event]:
        """An event that is set when this run may have ended. Look at the row after entering."""
        event = asyncio.Event()
        self._watching.setdefault(run_id, set()).add(event)
        try:
            yield event
        finally:
            events = self._watching[run_id]
            events.discard(event)
            if not events:
                del self._watching[run_id]

    def _hear(self, payload: str) -> None:
        # Anybody who may connect to the database may send on the channel.
        with suppress(ValueError):
            self._wake(UUID(payload))

    def _wake(self, run_id: UUID) -> None:
        for event in self._watching.get(run_id, ()):
            event.set()
