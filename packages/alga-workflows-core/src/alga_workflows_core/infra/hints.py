"""Hints between processes: `NOTIFY` and `LISTEN` of PostgreSQL.

A hint may be lost, doubled or late. Whoever is waiting looks at the rows themselves, and looks
again in any case; a hint only makes that sooner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alga_workflows_core.infra.database import Database, connect_arguments
from alga_workflows_core.infra.settings import DatabaseSettings

log = structlog.get_logger()

RECONNECT_SECONDS = 1.0
LOOK_UP_SECONDS = 0.5

_SEND = text("SELECT pg_notify(:channel, :payload)")


class Hints:
    """Sends hints, and as a service listens for those of every process on one connection."""

    name = "hints"

    def __init__(self, database: Database, settings: DatabaseSettings) -> None:
        self._database = database
        self._url = settings.listen_url
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._stopping = asyncio.Event()

    def listen(self, channel: str, listener: Callable[[str], None]) -> None:
        """Have `listener` called with the payload of each hint on `channel`.

        To be called before the service runs. `listener` must not wait and must not raise.
        """
        self._listeners.setdefault(channel, []).append(listener)

    async def send(self, channel: str, payload: str) -> None:
        """Send a hint, in a transaction of its own. Never fails: it is only a hint.

        Inside the transaction that it speaks of it would make all commits wait for one another.
        """
        with suppress(SQLAlchemyError, OSError):
            async with self._database.connect() as connection:
                await connection.execute(_SEND, {"channel": channel, "payload": payload})
                await connection.commit()

    async def run(self, ready: Callable[[], None]) -> None:
        """Listen until `stop()`; a lost connection is opened again. Ready at once: see above."""
        ready()
        while not self._stopping.is_set():
            try:
                await self._receive()
            except (psycopg.Error, OSError) as error:
                log.debug(f"The connection for hints was lost: {error}", action="hints.lost")
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECONNECT_SECONDS):
                        await self._stopping.wait()

    async def stop(self) -> None:
        """End `run()` within half a second."""
        self._stopping.set()

    async def _receive(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            **connect_arguments(self._url),
        )
        async with connection:
            for channel in self._listeners:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while not self._stopping.is_set():
                async for notice in connection.notifies(timeout=LOOK_UP_SECONDS):
                    for listener in self._listeners.get(notice.channel, ()):
                        listener(notice.payload)
