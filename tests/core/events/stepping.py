"""Stop a transaction at a statement, by hand: what happens at once happens in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import event, text
from sqlalchemy.util import await_only

from alga_workflows_core.infra.database import Database
from alga_workflows_core.storage.unit_of_work import Storage

T = TypeVar("T")

COMMIT = "COMMIT"
_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")


@dataclass(slots=True)
class _Stop:
    """Behind the first statement that has `at` in it, or before the commit."""

    at: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def passes(self, what: str) -> None:
        if self.at in what and not self.reached.is_set():
            self.reached.set()
            await_only(self.go.wait())


_STOP: ContextVar[_Stop | None] = ContextVar("stop", default=None)


@dataclass(slots=True)
class Stopped(Awaitable[Any]):
    """Something under way that has stopped in the middle. Awaiting it lets it go on."""

    task: asyncio.Task[Any]
    stop: _Stop

    def __await__(self) -> Any:
        self.stop.go.set()
        return self.task.__await__()


def watch(database: Database) -> None:
    """Let `stopped` stop what is done over this pool."""

    def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        stop = _STOP.get()
        if stop is not None:
            stop.passes(statement)

    def commit(_connection: Any) -> None:
        stop = _STOP.get()
        if stop is not None:
            stop.passes(COMMIT)

    event.listen(database.engine.sync_engine, "after_cursor_execute", after)
    event.listen(database.engine.sync_engine, "commit", commit)


async def stopped(deed: Awaitable[T], at: str = COMMIT) -> Stopped:
    """Begin, and return when it stands behind the first statement with `at` in it."""
    stop = _Stop(at)

    async def do() -> T:
        _STOP.set(stop)
        return await deed

    task = asyncio.create_task(do())
    reached = asyncio.create_task(stop.reached.wait())
    await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    if not reached.done():
        reached.cancel()
        task.cancel()
        raise AssertionError(f"it never came to {at}: {task}")
    return Stopped(task, stop)


async def blocked(storage: Storage, deed: Awaitable[T]) -> asyncio.Task[T]:
    """Begin, and return when it waits for a lock that somebody has."""

    async def do() -> T:
        return await deed

    async with asyncio.timeout(10), storage.database.session() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        before = await connection.scalar(_WAITING)
        task = asyncio.create_task(do())
        while await connection.scalar(_WAITING) == before:
            assert not task.done(), task
            await asyncio.sleep(0.01)
    return task
