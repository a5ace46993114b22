"""Rows of items with SLA clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_workflows_core.types.json import JsonObject

_STATE = bindparam("state", type_=JSON)
_ADD = text("""
    INSERT INTO sla_items (tenant, item, is_open, state, sequence, level, started_at, changed_at,
        next_due)
    VALUES (:tenant, :item, :is_open, :state, :sequence, :level, :started_at, :changed_at,
        :next_due)
    ON CONFLICT (tenant, item) DO NOTHING RETURNING item
""").bindparams(_STATE)
# A state that comes late, from an attempt that was given up, does not undo a later one.
_SAVE = text("""
    UPDATE sla_items SET is_open = :is_open, state = :state, sequence = :sequence, level = :level,
        changed_at = :changed_at, next_due = :next_due, is_attached = true,
        updated_at = clock_timestamp()
    WHERE tenant = :tenant AND item = :item AND sequence <= :sequence RETURNING item
""").bindparams(_STATE)
_CLOCK = text("""
    INSERT INTO sla_clocks (tenant, item, name, phase, target, spent, at, deadline, pause_reason,
        breached_at, ended_at)
    VALUES (:tenant, :item, :name, :phase, :target, :spent, :at, :deadline, :pause_reason,
        :breached_at, :ended_at)
    ON CONFLICT (tenant, item, name) DO UPDATE SET phase = excluded.phase,
        target = excluded.target, spent = excluded.spent, at = excluded.at,
        deadline = excluded.deadline, pause_reason = excluded.pause_reason,
        breached_at = excluded.breached_at, ended_at = excluded.ended_at
""")
_CHANGE = text("""
    INSERT INTO sla_changes (tenant, item, seq, kind, clock, at, actor, data)
    VALUES (:tenant, :item, :seq, :kind, :clock, :at, :actor, :data)
    ON CONFLICT (tenant, item, seq) DO NOTHING
""").bindparams(bindparam("data", type_=JSON))
_ATTACH = text("""
    UPDATE sla_items SET is_attached = true, updated_at = clock_timestamp()
    WHERE tenant = :tenant AND item = :item AND NOT is_attached
""")
_COLUMNS = """item, is_open, is_attached, state, sequence, level, started_at, changed_at, next_due,
    created_at"""
_GET = text(f"SELECT {_COLUMNS} FROM sla_items WHERE tenant = :tenant AND item = :item")  # noqa: S608
_NEWEST = text(f"""
    SELECT {_COLUMNS} FROM sla_items
    WHERE tenant = :tenant AND (CAST(:is_open AS boolean) IS NULL OR is_open = :is_open)
      AND (CAST(:at AS timestamptz) IS NULL OR (created_at, item) < (:at, :after))
    ORDER BY created_at DESC, item DESC LIMIT :at_most
""")  # noqa: S608 (the columns above)
_DUE = text(f"""
    SELECT {_COLUMNS} FROM sla_items
    WHERE tenant = :tenant AND is_open AND next_due <= :until
      AND (CAST(:at AS timestamptz) IS NULL OR (next_due, item) > (:at, :after))
    ORDER BY next_due, item LIMIT :at_most
""")  # noqa: S608 (the columns above)
_CHANGES = text("""
    SELECT seq, kind, clock, at, actor, data, recorded_at FROM sla_changes
    WHERE tenant = :tenant AND item = :item AND seq > :after ORDER BY seq LIMIT :at_most
""")
_LEFT = text("SELECT tenant, item FROM sla_items_left(:patience, :at_most)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItemRow:
    """An item as it is now."""

    item: str
    is_open: bool
    state: JsonObject
    sequence: int
    level: int
    started_at: datetime
    changed_at: datetime
    next_due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow(NewItemRow):
    """An item. `is_attached`: an execution was started with it."""

    is_attached: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """A clock as it was at `at`. `deadline`: when it breaches if nothing changes."""

    name: str
    phase: str
    target: timedelta
    spent: timedelta
    at: datetime
    deadline: datetime | None
    pause_reason: str | None
    breached_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChangeRow:
    """The `seq`-th thing that happened to an item."""

    seq: int
    kind: str
    clock: str | None
    at: datetime
    actor: str | None
    data: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow(NewChangeRow):
    """The same, and when that was written."""

    recorded_at: datetime


class SlaItems:
    """The items of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, row: NewItemRow) -> bool:
        """Whether there was none of this name, and there is this one now."""
        values = self._of(**asdict(row))
        return (await self._connection.execute(_ADD, values)).one_or_none() is not None

    async def save(self, row: NewItemRow, clocks: Sequence[ClockRow]) -> None:
        """The item and its clocks as they are now; nothing if a later state is there."""
        values = self._of(**asdict(row))
        if (await self._connection.execute(_SAVE, values)).one_or_none() is not None:
            await self.save_clocks(row.item, clocks)

    async def save_clocks(self, item: str, clocks: Sequence[ClockRow]) -> None:
        """Have these clocks be as they are here."""
        if clocks:
            rows = [self._of(item=item, **asdict(each)) for each in clocks]
            await self._connection.execute(_CLOCK, rows)

    async def add_changes(self, item: str, changes: Sequence[NewChangeRow]) -> None:
        """What has happened; what is there already stays."""
        if changes:
            rows = [self._of(item=item, **asdict(each)) for each in changes]
            await self._connection.execute(_CHANGE, rows)

    async def attach(self, item: str) -> None:
        """An execution was started with the item."""
        await self._connection.execute(_ATTACH, self._of(item=item))

    async def get(self, item: str) -> ItemRow | None:
        """None if there is none."""
        row = (await self._connection.execute(_GET, self._of(item=item))).one_or_none()
        return None if row is None else read(ItemRow, row)

    async def newest(
        self, is_open: bool | None, after: tuple[datetime, str] | None, at_most: int
    ) -> list[ItemRow]:
        """The newest first; only open or only closed ones if wanted."""
        at, item = after or (None, None)
        values = self._of(is_open=is_open, at=at, after=item, at_most=at_most)
        return [read(ItemRow, row) for row in await self._connection.execute(_NEWEST, values)]

    async def due(
        self, until: datetime, after: tuple[datetime, str] | None, at_most: int
    ) -> list[ItemRow]:
        """Open ones to which something will happen by itself, what is next first."""
        at, item = after or (None, None)
        values = self._of(until=until, at=at, after=item, at_most=at_most)
        return [read(ItemRow, row) for row in await self._connection.execute(_DUE, values)]

    async def changes(self, item: str, after: int, at_most: int) -> list[ChangeRow]:
        """What has happened behind one number, in order."""
        values = self._of(item=item, after=after, at_most=at_most)
        return [read(ChangeRow, row) for row in await self._connection.execute(_CHANGES, values)]

    def _of(self, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, **more}


async def items_left(
    connection: AsyncConnection, patience: timedelta, at_most: int
) -> list[tuple[str, str]]:
    """Open items of all tenants that nobody was started for, or to which what was due has not
    happened for as long as `patience`: (tenant, item)."""
    rows = await connection.execute(_LEFT, {"patience": patience, "at_most": at_most})
    return [(row.tenant, row.item) for row in rows]
