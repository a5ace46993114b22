"""Turns and places, so that nobody's many or slow things keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager

from alga_workflows_core.errors import ConflictError

WAITING = 8
"""How many may wait for their turn behind one that has it."""


class Turns:
    """Turns by a key; in the order in which they were asked for."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, asyncio.Lock] = {}
        self._asked: dict[Hashable, int] = {}

    @asynccontextmanager
    async def of(self, key: Hashable) -> AsyncGenerator[None]:
        """Wait for the turn and have it. ConflictError if too many wait for it already."""
        asked = self._asked.get(key, 0)
        if asked > WAITING:
            raise ConflictError(
                f"{WAITING} bundles of the project wait to be looked at already.",
                code="TOO_MANY_BUNDLES",
                remedy="Publish again when those have been answered.",
            )
        self._asked[key] = asked + 1
        try:
            async with self._turns.setdefault(key, asyncio.Lock()):
                yield
        finally:
            self._asked[key] -= 1
            if not self._asked[key]:
                del self._asked[key], self._turns[key]


@asynccontextmanager
async def a_place(places: asyncio.Semaphore, seconds: float) -> AsyncGenerator[None]:
    """Wait for a place and have it, for so long at most: who takes longer goes on without."""
    await places.acquire()
    leaving = asyncio.get_running_loop().call_later(seconds, places.release)
    try:
        yield
    finally:
        if asyncio.get_running_loop().time() < leaving.when():
            leaving.cancel()
            places.release()
