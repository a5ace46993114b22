"""Rows of event types, which are data of tenants, and what a tenant does with unknown types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_type_tables import event_policies
from alga_workflows_core.storage.event_type_tables import workflow_event_types as types
from alga_workflows_core.storage.rows import read
from alga_workflows_core.types.json import JsonObject

UnknownTypes: TypeAlias = Literal["accept", "refuse"]

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 8))")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeRow:
    """A version of an event type. `schema`: that of the data, None where any is accepted; `keys`:
    name to the path of a value that events are found by; `active`: it counts now."""

    name: str
    version: int
    hash: str
    schema: JsonObject | None
    keys: dict[str, str]
    active: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """What a tenant does with events of types that it does not know."""

    unknown_types: UnknownTypes
    updated_at: datetime | None
    updated_by: str | None


class EventTypes:
    """The event types of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def get(self, name: str, version: int | None = None) -> EventTypeRow | None:
        """A version; without a number the active one."""
        which = types.c.active if version is None else types.c.version == version
        found = await self._connection.execute(select(types).where(self._is(name), which))
        row = found.mappings().one_or_none()
        return None if row is None else read(EventTypeRow, row)

    async def list(self, *, after: str | None, limit: int) -> list[EventTypeRow]:
        """The active versions by name, beginning behind `after`."""
        query = select(types).where(types.c.tenant == self._tenant, types.c.active)
        if after is not None:
            query = query.where(types.c.name > after)
        rows = await self._connection.execute(query.order_by(types.c.name).limit(limit))
        return [read(EventTypeRow, row) for row in rows.mappings()]

    async def versions(self, name: str, *, after: int | None, limit: int) -> list[EventTypeRow]:
        """The newest first, beginning behind `after`."""
        query = select(types).where(self._is(name))
        if after is not None:
            query = query.where(types.c.version < after)
        rows = await self._connection.execute(query.order_by(types.c.version.desc()).limit(limit))
        return [read(EventTypeRow, row) for row in rows.mappings()]

    async def activate(
        self,
        name: str,
        *,
        schema: JsonObject | None,
        keys: dict[str, str],
        content_hash: str,
        by: str,
    ) -> tuple[EventTypeRow, bool]:
        """Make the version with this content the active one, and whether it is a new one."""
        # Whoever changes a type waits for others who do, also if there is none as yet.
        await self._connection.execute(_LOCK, {"name": "\x1f".join((self._tenant, "type", name))})
        found = await self._connection.scalar(
            select(types.c.version).where(self._is(name), types.c.hash == content_hash)
        )
        await self._connection.execute(
            update(types)
            .where(self._is(name), types.c.active, types.c.version != (found or 0))
            .values(active=False)
        )
        if found is None:
            last = await self._connection.scalar(
                select(func.max(types.c.version)).where(self._is(name))
            )
            statement = insert(types).values(
                tenant=self._tenant,
                name=name,
                version=(last or 0) + 1,
                hash=content_hash,
                schema=schema,
                keys=keys,
                active=True,
                created_by=by,
            )
        else:
            statement = (
                update(types).where(self._is(name), types.c.version == found).values(active=True)
            )
        written = await self._connection.execute(statement.returning(types))
        return read(EventTypeRow, written.mappings().one()), found is None

    async def active(self, names: Collection[str]) -> dict[str, int]:
        """The active version of each of these that is known."""
        rows = await self._connection.execute(
            select(types.c.name, types.c.version).where(
                types.c.tenant == self._tenant, types.c.name.in_(names), types.c.active
            )
        )
        return {row.name: row.version for row in rows}

    async def schemas(self, names: Collection[str]) -> dict[str, JsonObject | None]:
        """The schema of the active version of each of these that is known."""
        if not names:
            return {}
        rows = await self._connection.execute(
            select(types.c.name, types.c.schema).where(
                types.c.tenant == self._tenant, types.c.name.in_(names), types.c.active
            )
        )
        return {row.name: row.schema for row in rows}

    async def names(self, *, limit: int) -> list[str]:
        """The names of all of them."""
        rows = await self._connection.execute(
            select(types.c.name)
            .where(types.c.tenant == self._tenant, types.c.active)
            .order_by(types.c.name)
            .limit(limit)
        )
        return [row.name for row in rows]

    async def policy(self) -> PolicyRow:
        """Unknown types are accepted where nobody has said anything."""
        found = await self._connection.execute(
            select(event_policies).where(event_policies.c.tenant == self._tenant)
        )
        row = found.mappings().one_or_none()
        if row is None:
            return PolicyRow(unknown_types="accept", updated_at=None, updated_by=None)
        return read(PolicyRow, row)

    async def set_policy(self, unknown_types: UnknownTypes, *, by: str) -> PolicyRow:
        """Say it; saying the same again changes nothing."""
        changed = {"unknown_types": unknown_types, "updated_by": by}
        await self._connection.execute(
            insert(event_policies)
            .values(tenant=self._tenant, **changed)
            .on_conflict_do_update(
                index_elements=["tenant"],
                set_={**changed, "updated_at": func.clock_timestamp()},
                where=event_policies.c.unknown_types != unknown_types,
            )
        )
        return await self.policy()

    def _is(self, name: str) -> ColumnElement[bool]:
        return (types.c.tenant == self._tenant) & (types.c.name == name)
