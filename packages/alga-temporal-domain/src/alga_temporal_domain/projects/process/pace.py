"""How fast a supervisor listens to one process, so that none takes its time from the others."""

from __future__ import annotations

import asyncio
import time

FRAMES = 1000
"""Frames of one process that are read in a second."""

BYTES = 16 * 1024 * 1024
"""Bytes of frames of one process in a second; one frame more may begin."""

_SECOND = 1.0


class Pace:
    """Counts what was read; who is over has to wait for the next second."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._frames = 0
        self._bytes = 0

    async def take(self, size: int) -> None:
        """One frame of so many bytes was read. Returns when the next one may be."""
        now = time.monotonic()
        if now - self._since >= _SECOND:
            self._since, self._frames, self._bytes = now, 0, 0
        self._frames += 1
        self._bytes += size
        is_over = self._frames >= FRAMES or self._bytes >= BYTES
        # Even zero lets the others go first: reading what is there already does not.
        await asyncio.sleep(self._since + _SECOND - now if is_over else 0)
