"""Rows of calendars."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import calendars
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarHead:
    """A calendar without its document. `hash` is the document's identity, `revision` counts its
    changes from 1."""

    name: str
    hash: str
    revision: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRow(CalendarHead):
    """A calendar. `document` is JSON text that `calendars.parsing` takes."""

    document: str

    def parsed(self) -> JsonObject:
        """The document as JSON."""
        return json.loads(self.document)

    def calendar(self) -> Calendar:
        """What the document describes. The same document is not parsed each time."""
        return _calendar(self.document)


@lru_cache(maxsize=64)
def _calendar(document: str) -> Calendar:
    # Kept by content, so that neither a new revision nor another tenant gets a former one.
    return parse_calendar(json.loads(document))


class Calendars:
    """The calendars of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def get(self, name: str, *, lock: bool = False) -> CalendarRow | None:
        """One calendar; with `lock`, nobody else changes it until this transaction ends."""
        query = select(calendars).where(self._is(name))
        found = await self._connection.execute(query.with_for_update() if lock else query)
        row = found.mappings().one_or_none()
        return None if row is None else read(CalendarRow, row)

    async def list(self, *, after: str | None, limit: int) -> list[CalendarHead]:
        """By name, beginning behind `after`."""
        columns = [column for column in calendars.c if column is not calendars.c.document]
        query = select(*columns).where(calendars.c.tenant == self._tenant)
        if after is not None:
            query = query.where(calendars.c.name > after)
        rows = await self._connection.execute(query.order_by(calendars.c.name).limit(limit))
        return [read(CalendarHead, row) for row in rows.mappings()]

    async def names(self, *, keep: Collection[str] = ()) -> frozenset[str]:
        """The names of all of them. Those of `keep` nobody removes until this transaction ends."""
        kept = select(calendars.c.name).where(
            calendars.c.tenant == self._tenant, calendars.c.name.in_(list(keep))
        )
        if keep:
            # In order, so that two who keep the same ones never wait for each other.
            await self._connection.execute(
                kept.order_by(calendars.c.name).with_for_update(read=True, key_share=True)
            )
        query = select(calendars.c.name).where(calendars.c.tenant == self._tenant)
        return frozenset(await self._connection.scalars(query))

    async def insert(
        self, name: str, *, document: str, content_hash: str, by: str
    ) -> CalendarRow | None:
        """A new calendar; None if one of this name is there."""
        written = await self._connection.execute(
            insert(calendars)
            .values(
                tenant=self._tenant,
                name=name,
                document=document,
                hash=content_hash,
                created_by=by,
                updated_by=by,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "name"])
            .returning(calendars)
        )
        row = written.mappings().one_or_none()
        return None if row is None else read(CalendarRow, row)

    async def replace(self, name: str, *, document: str, content_hash: str, by: str) -> CalendarRow:
        """Change the calendar, whose lock the caller holds; its next revision."""
        written = await self._connection.execute(
            update(calendars)
            .where(self._is(name))
            .values(
                document=document,
                hash=content_hash,
                revision=calendars.c.revision + 1,
                updated_at=func.clock_timestamp(),
                updated_by=by,
            )
            .returning(calendars)
        )
        return read(CalendarRow, written.mappings().one())

    async def remove(self, name: str) -> None:
        """Take it away, if it is there."""
        await self._connection.execute(delete(calendars).where(self._is(name)))

    def _is(self, name: str) -> ColumnElement[bool]:
        return and_(calendars.c.tenant == self._tenant, calendars.c.name == name)
