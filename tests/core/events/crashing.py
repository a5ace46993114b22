"""Exceptions and pauses between statements, and a note of every transaction that commits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

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


_STALLS = 0.12
"""How many statements are followed by a pause."""
_STALL_SECONDS = 0.03
"""The longest of them: a few transactions of others."""


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


_STALLING: ContextVar[random.Random | None] = ContextVar("stalling", default=None)
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
def stalling(chance: random.Random) -> Generator[None]:
    """Pauses behind some statements of what is done inside, with the locks that it has then: what
    others do at once falls in between."""
    token = _STALLING.set(chance)
    try:
        yield
    finally:
        _STALLING.reset(token)


@contextmanager
def noting(note: JsonObject) -> Generator[None]:
    """Notes every transaction that begins inside."""
    token = _PRESENT.set(note)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def watch(database: Database) -> None:
    """Let `crashing` raise, and `stalling` pause, at the statements of this pool, and at their
    commits."""

    def burn(*_: Any) -> None:
        fuse = _FUSE.get()
        if fuse is not None:
            fuse.burn()

    def stall(*_: Any) -> None:
        chance = _STALLING.get()
        if chance is not None and chance.random() < _STALLS:
            await_only(asyncio.sleep(chance.random() * _STALL_SECONDS))

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(database.engine.sync_engine, name, burn)
    for name in ("after_cursor_execute", "commit"):
        event.listen(database.engine.sync_engine, name, stall)


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
