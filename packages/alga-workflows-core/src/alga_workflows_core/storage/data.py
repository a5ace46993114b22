"""Rows of the key-value data that actions keep.

An entry whose time is over is not there, for readers and writers alike, although its row may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.entries import Entry, Expiry, NewValue, Page
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import data_entries as entries

ENTRY_OVERHEAD_BYTES = 200
"""What a page of entries costs for each of them besides key and value."""

_MOST_SWEPT = 10
_COLUMNS = ("key", "value", "revision", "updated_at", "expires_at")


class Data:
    """The entries of one tenant. Namespaces keep keys of different purposes apart."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def get(self, namespace: str, key: str) -> Entry | None:
        row = await self._connection.execute(
            _select(values=True).where(self._at(namespace, key), _is_live())
        )
        found = row.mappings().one_or_none()
        return None if found is None else read(Entry, found)

    async def change(
        self, namespace: str, key: str, decide: Callable[[Entry | None], NewValue]
    ) -> Entry:
        """Write what `decide` says of the present entry, which nobody else changes meanwhile.

        An entry that was not there begins at revision 1. What `decide` raises comes through, with
        nothing written. It may be asked again, about a newer entry.
        """
        while True:
            row = await self._locked(namespace, key)
            present = _live_entry(row)
            new = decide(present)
            values: dict[str, Any] = {
                "value": new.value,
                "bytes": new.size,
                "revision": 1 if present is None else entries.c.revision + 1,
                "updated_at": func.clock_timestamp(),
                "expires_at": _expiry(new.expires),
            }
            if present is None:
                values["created_at"] = func.clock_timestamp()
            written = await self._write(namespace, key, values, new=row is None)
            if written is not None:
                if new.expires is not None:
                    await self._sweep()
                return written

    async def remove(
        self, namespace: str, key: str, check: Callable[[Entry | None], None]
    ) -> Entry | None:
        """Take an entry away; None if it was not there. What `check` raises keeps it."""
        present = _live_entry(await self._locked(namespace, key))
        check(present)
        await self._connection.execute(delete(entries).where(self._at(namespace, key)))
        return present

    async def list(
        self,
        namespace: str,
        *,
        prefix: str,
        after: str,
        limit: int,
        values: bool,
        most_bytes: int,
    ) -> Page:
        """Up to `limit` entries whose keys begin with `prefix` and come behind `after`, by code
        points. They end early where they would be more than `most_bytes` of JSON; never before
        the first one."""
        size = 2 * func.octet_length(entries.c.key) + ENTRY_OVERHEAD_BYTES
        if values:
            size = size + entries.c.bytes
        found = (
            _select(values=values)
            .where(
                entries.c.tenant == self._tenant,
                entries.c.namespace == namespace,
                func.starts_with(entries.c.key, prefix),
                entries.c.key > after,
                _is_live(),
            )
            .order_by(entries.c.key)
            .limit(limit + 1)
            .add_columns(size.label("size"))
            .subquery()
        )
        counted = select(
            found,
            func.row_number().over(order_by=found.c.key).label("number"),
            func.count().over().label("total"),
            func.sum(found.c.size).over(order_by=found.c.key).label("bytes_so_far"),
        ).subquery()
        rows = await self._connection.execute(
            select(counted)
            .where(
                counted.c.number <= limit,
                or_(counted.c.number == 1, counted.c.bytes_so_far <= most_bytes),
            )
            .order_by(counted.c.key)
        )
        page = list(rows.mappings())
        return Page(
            entries=[read(Entry, {"value": None, **row}) for row in page],
            more=bool(page) and page[0]["total"] > len(page),
        )

    async def _locked(self, namespace: str, key: str) -> Mapping[Any, Any] | None:
        """The row, whether its time is over or not; nobody else changes it from now on."""
        row = await self._connection.execute(
            _select(values=True)
            .add_columns(_is_live().label("live"))
            .where(self._at(namespace, key))
            .with_for_update()
        )
        return row.mappings().one_or_none()

    async def _write(
        self, namespace: str, key: str, values: Mapping[str, Any], *, new: bool
    ) -> Entry | None:
        """None if somebody else has made the row since it was looked for."""
        if new:
            statement = (
                insert(entries)
                .values(tenant=self._tenant, namespace=namespace, key=key, **values)
                .on_conflict_do_nothing(index_elements=["tenant", "namespace", "key"])
            )
        else:
            statement = update(entries).where(self._at(namespace, key)).values(**values)
        row = await self._connection.execute(
            statement.returning(*(entries.c[name] for name in _COLUMNS))
        )
        written = row.mappings().one_or_none()
        return None if written is None else read(Entry, written)

    async def _sweep(self) -> None:
        """Remove a few entries whose time is over, so that they do not pile up.

        It comes last and takes no row that somebody holds, so it never waits: no deadlocks.
        """
        identity = (entries.c.namespace, entries.c.key)
        over = (
            select(*identity)
            .where(entries.c.tenant == self._tenant, entries.c.expires_at <= func.clock_timestamp())
            .order_by(entries.c.expires_at)
            .limit(_MOST_SWEPT)
            .with_for_update(skip_locked=True)
        )
        await self._connection.execute(
            delete(entries).where(entries.c.tenant == self._tenant, tuple_(*identity).in_(over))
        )

    def _at(self, namespace: str, key: str) -> ColumnElement[bool]:
        return and_(
            entries.c.tenant == self._tenant,
            entries.c.namespace == namespace,
            entries.c.key == key,
        )


def _select(*, values: bool) -> Select[Any]:
    return select(*(entries.c[name] for name in _COLUMNS if values or name != "value"))


def _is_live() -> ColumnElement[bool]:
    return or_(entries.c.expires_at.is_(None), entries.c.expires_at > func.clock_timestamp())


def _live_entry(row: Mapping[Any, Any] | None) -> Entry | None:
    return read(Entry, row) if row is not None and row["live"] else None


def _expiry(expires: Expiry) -> Any:
    return func.clock_timestamp() + expires if isinstance(expires, timedelta) else expires
