"""What a handler is told of its job, and what it may tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from temporalio import activity

from alga_temporal_domain.jobs.contracts import Progress

MOST_MESSAGE = 2000


class JobContext:
    """One attempt of one job."""

    def __init__(
        self, *, tenant: str, job_id: str, attempt: int, told: Callable[[Progress], None]
    ) -> None:
        self.tenant = tenant
        self.job_id = job_id
        self.attempt = attempt
        self._told = told
        self._last: Progress | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the job is to be cancelled, or its worker is to end; the handler is sent
        `asyncio.CancelledError` at the same time."""
        return activity.is_cancelled()

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job has come, from 0 to 1 (what lies outside becomes 0 or 1).

        It never waits and never fails.
        """
        text = None if message is None else message.replace("\x00", "")[:MOST_MESSAGE]
        bounded = 0.0 if fraction != fraction else min(1.0, max(0.0, float(fraction)))
        self._last = Progress(fraction=bounded, message=text)
        self._beat()
        self._told(self._last)

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Heartbeats for as long as the block lasts: by them a cancellation gets here."""
        heartbeat = activity.info().heartbeat_timeout
        # Half a minute is also how often a host without a time-out learns of a cancellation.
        seconds = 30.0 if heartbeat is None else max(0.05, heartbeat.total_seconds() / 3)
        beats = asyncio.create_task(self._keep_beating(seconds))
        try:
            yield
        finally:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats

    async def _keep_beating(self, seconds: float) -> None:
        while True:
            self._beat()
            await asyncio.sleep(seconds)

    def _beat(self) -> None:
        if self._last is None:
            activity.heartbeat()
        else:
            activity.heartbeat(self._last)
