"""Hints between processes, over a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import text

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.settings import DatabaseSettings, load

DEADLINE_SECONDS = 20


def settings_of(url: str) -> DatabaseSettings:
    return load(DatabaseSettings, {"DATABASE_URL": url})


@asynccontextmanager
async def running(hints: Hints) -> AsyncGenerator[None]:
    task = asyncio.create_task(hints.run(lambda: None))
    yield
    await hints.stop()
    await task


async def send_until_heard(sender: Hints, payload: str, heard: asyncio.Queue[str]) -> str:
    """What was heard, once the listening connection stands."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            await sender.send("subject", payload)
            try:
                async with asyncio.timeout(0.1):
                    return await heard.get()
            except TimeoutError:
                continue


async def test_a_hint_reaches_the_listeners_of_its_channel_in_another_process(
    database: Database, database_url: str
) -> None:
    """What one process sends is heard by the other's listeners of that channel, and only those."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    others: list[str] = []
    receiver = Hints(database, settings_of(database_url))
    receiver.listen("subject", heard.put_nowait)
    receiver.listen("other", others.append)
    sender = Hints(database, settings_of(database_url))
    async with running(receiver):
        assert await send_until_heard(sender, "it happened", heard) == "it happened"
    assert others == []


async def test_listening_goes_on_after_the_connection_was_cut(
    database: Database, database_url: str
) -> None:
    """A listener hears again, by itself, after the server ended its connection."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    hints = Hints(database, settings_of(database_url))
    hints.listen("subject", heard.put_nowait)
    async with running(hints):
        await send_until_heard(hints, "before", heard)
        async with database.connect() as connection:
            cut = await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
            )
            assert list(cut.scalars()) == [True]
        while not heard.empty():
            heard.get_nowait()
        assert await send_until_heard(hints, "after", heard) == "after"


async def test_a_hint_that_cannot_be_sent_is_no_error() -> None:
    """Neither sending nor listening raises when there is no server; stopping still ends `run`."""
    settings = settings_of("postgresql://nobody@127.0.0.1:1/none")
    database = Database(settings)
    try:
        hints = Hints(database, settings)
        hints.listen("subject", print)
        async with asyncio.timeout(DEADLINE_SECONDS), running(hints):
            await hints.send("subject", "unheard")
    finally:
        await database.close()
