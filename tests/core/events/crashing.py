"""Exceptions between statements, and a note of every transaction that commits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.infra.database import Database, strict_json
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.json import JsonObject
from tests.core.events.plans import Crash

NOTES = """
CREATE TABLE IF NOT EXISTS test_notes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, note json NOT NULL
);
GRANT INSERT ON test_notes TO alga_workflows;
"""
_NOTE = text("INSERT INTO test_notes (tenant, note) VALUES (:tenant, CAST(:note AS json))")


class CrashedError(Exception):
    """The process died here."""


class _Fuse:
    """Raises at the `points`th place that is passed; once."""

    def __init__(self, points: int) -> None:
        self._left = points

    def burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise CrashedError


_FUSE: ContextVar[_Fuse | None] = ContextVar("fuse", default=None)
_PRESENT: ContextVar[JsonObject | None] = ContextVar("note", default=None)


@contextmanager
def crashing(crash: Crash | None) -> Generator[None]:
    """Raises CrashedError before, or after, some statement of what is done inside, or before or
    after its commit; or nowhere, if there are not so many places."""
    token = _FUSE.set(_Fuse(crash.point) if crash is not None and crash.point else None)
    try:
        yield
    finally:
        _FUSE.reset(token)
    if crash is not None and not crash.point:
        raise CrashedError


@contextmanager
def noting(note: JsonObject) -> Generator[None]:
    """Notes every transaction that begins inside."""
    token = _PRESENT.set(note)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def watch(database: Database) -> None:
    """Let `crashing` raise at the statements of this pool, and at their commits."""

    def burn(*_: Any) -> None:
        fuse = _FUSE.get()
        if fuse is not None:
            fuse.burn()

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(database.engine.sync_engine, name, burn)


class NotedStorage(Storage):
    """Notes what it commits.

    The number of a note is drawn while the transaction holds all its locks: of two that wait for
    each other the one that commits first has the lower one.
    """

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncGenerator[AsyncConnection]:
        async with super().transaction(tenant) as connection:
            yield connection
            note = _PRESENT.get()
            if note is not None:
                values = {"tenant": tenant, "note": strict_json(note)}
                await connection.execute(_NOTE, values)
