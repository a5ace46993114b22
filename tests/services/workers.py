"""Some worker processes, of which one after the other is killed and replaced."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import psycopg

from tests.services.command import Command, eventually, running

MODULE = "tests.services.chaos_worker"
WORKERS = 2
PATIENCE = 600.0
# A worker that is just starting has nothing to lose.
LIFE_SECONDS = (1.0, 2.5)


async def _nothing() -> None:
    return


class Workers:
    """Two workers; one that was killed is replaced at once."""

    def __init__(self, environ: Mapping[str, str], chance: random.Random) -> None:
        self._environ = environ
        self._chance = chance
        self._stack = AsyncExitStack()
        self._commands: list[Command] = []
        self.kills = 0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Workers]:
        async with self._stack:
            for _ in range(WORKERS):
                self._commands.append(await self._another())
            yield self

    @property
    def first(self) -> Command:
        return self._commands[0]

    async def ready(self) -> list[str]:
        """Where they serve, as soon as all do."""
        return [await each.url() for each in self._commands]

    def urls(self) -> list[str]:
        """Where those serve that are ready, and perhaps dead since."""
        ready = [each.actions("process.ready") for each in self._commands]
        return [lines[0]["url"] for lines in ready if lines]

    async def kill_until(
        self,
        kills: int,
        *,
        alive: Callable[[], Awaitable[None]] | None = None,
        behind: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        """SIGKILL to either, so many times: when `alive` returns, or after a second or two;
        `behind` is done after each."""
        while self.kills < kills:
            index = self._chance.randrange(WORKERS)
            command = self._commands[index]
            await command.url()
            await (self._live() if alive is None else alive())
            command.kill()
            await command.ended()
            self.kills += 1
            self._commands[index] = await self._another()
            await behind()

    async def _live(self) -> None:
        await asyncio.sleep(self._chance.uniform(*LIFE_SECONDS))

    async def _another(self) -> Command:
        return await self._stack.enter_async_context(running(environ=self._environ, module=MODULE))


async def all_ended(url: str, killing: Coroutine[Any, Any, None]) -> None:
    """Kill until all runs of the database have ended."""
    task = asyncio.ensure_future(killing)
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

            async def look() -> bool:
                found = await connection.execute(
                    "SELECT count(*) FROM workflow_runs"
                    " WHERE status NOT IN ('SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT')"
                )
                row = await found.fetchone()
                return row == (0,)

            await eventually(look, "all runs ended", seconds=PATIENCE)
    finally:
        if task.done():
            await task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
