"""A pipe that a project's process writes its output into, read as fast as it may write."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import structlog

from alga_temporal_domain.projects.process.lines import Lines

log = structlog.get_logger()

BYTES_PER_SECOND = 1024 * 1024
"""What is read of one stream in a second. Who writes more waits for the next one."""

_CHUNK = 64 * 1024


class LogPipe:
    """Reads `fd`, which belongs to it, and gives lines; `tick` is to be called every second."""

    def __init__(self, fd: int, give: Callable[[str], None]) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._lines = Lines(self._hand_over)
        self._give = give
        self._read = 0
        self._is_reading = True
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.last = ""
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._take)

    def tick(self) -> None:
        """A second is over."""
        self._lines.tick()
        self._read = 0
        if not self._is_reading and not self.ended.done():
            self._is_reading = True
            self._loop.add_reader(self._fd, self._take)

    def close(self) -> None:
        """Read no more. Harmless when repeated."""
        if not self.ended.done():
            self._end()

    def _take(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._lines.feed(data)
        self._read += len(data)
        if self._read >= BYTES_PER_SECOND:
            self._is_reading = False
            self._loop.remove_reader(self._fd)

    def _end(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._lines.close()
        self.ended.set_result(None)

    def _hand_over(self, text: str) -> None:
        if text.strip():
            self.last = text
        self._give(text)
