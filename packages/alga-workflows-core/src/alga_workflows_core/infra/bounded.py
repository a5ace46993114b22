"""Work that may take long, or much memory, in a process that can be ended."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_process

from alga_workflows_core.errors import TooLargeError

T = TypeVar("T")

MEMORY = 2 * 1024**3
"""Bytes of address space that such a process may take."""


class BoundedProcesses:
    """Runs functions in up to `processes` processes at a time, each for `seconds` at most."""

    def __init__(self, *, processes: int = 2, seconds: float = 10.0) -> None:
        self._limiter = anyio.CapacityLimiter(processes)
        self._seconds = seconds

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """What `function`, which like its arguments and result can be pickled, answers or raises.

        TooLargeError `TOO_MUCH_WORK` if it takes too long or too much memory; its process is ended.
        """
        try:
            with anyio.fail_after(self._seconds):
                return await anyio.to_process.run_sync(
                    _limited, function, arguments, cancellable=True, limiter=self._limiter
                )
        except (TimeoutError, MemoryError, anyio.BrokenWorkerProcess) as error:
            raise TooLargeError(
                f"This takes more than {self._seconds:g} seconds or {MEMORY // 1024**3} GiB.",
                code="TOO_MUCH_WORK",
                remedy="Ask for less at once.",
            ) from error


def _limited(function: Callable[..., T], arguments: tuple[object, ...]) -> T:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    return function(*arguments)
