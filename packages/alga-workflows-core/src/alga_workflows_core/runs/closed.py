"""Hear of runs that ended, in whichever process that was.

`NOTIFY` is only a hint that makes waiting quick: whoever waits looks at the row itself, and looks
again every second. The hint is sent outside the transaction that it speaks of (inside, it would
serialise commits).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alga_workflows_core.infra.database import Database, connect_arguments
from alga_workflows_core.infra.settings import DatabaseSettings

log = structlog.get_logger()

CHANNEL = "alga_run_closed"
RECONNECT_SECONDS = 1.0
LOOK_UP_SECONDS = 0.5


class ClosedRuns:
    """A service that listens, and the place where hints are sent and waited for."""

    name = "closed-runs"

    def __init__(self, database: Database, settings: DatabaseSettings) -> None:
        self._database = database
        self._url = settings.listen_url
        self._watching: dict[UUID, set[asyncio.Event]] = {}
        self._stopping = asyncio.Event()

    async def announce(self, run_id: UUID) -> None:
        """Tell every process that this run ended. Never fails: it is a hint."""
        self._wake(run_id)
        with suppress(SQLAlchemyError, OSError):
            async with self._database.connect() as connection:
                await connection.execute(
                    text("SELECT pg_notify(:channel, :payload)"),
                    {"channel": CHANNEL, "payload": str(run_id)},
                )
                await connection.commit()

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

    async def run(self, ready: Callable[[], None]) -> None:
        ready()
        while not self._stopping.is_set():
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.debug(f"The connection for hints was lost: {error}", action="hints.lost")
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECONNECT_SECONDS):
                        await self._stopping.wait()

    async def stop(self) -> None:
        self._stopping.set()

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            **connect_arguments(self._url),
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                async for notice in connection.notifies(timeout=LOOK_UP_SECONDS):
                    with suppress(ValueError):
                        self._wake(UUID(notice.payload))

    def _wake(self, run_id: UUID) -> None:
        for event in self._watching.get(run_id, ()):
            event.set()
