"""Rows of actions that workers have advertised. `Storage.advertise` writes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_actions as actions
from alga_workflows_core.types.json import JsonObject

ALL_TENANTS = "*"
"""The tenant of rows that every tenant sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisedActionRow:
    """One version of an action, and who told of it last.

    `served`: whether its lease was still running when the row was read. Until `served_until` nobody
    else may change the contract in a way that breaks callers.
    """

    tenant: str
    action_id: str
    version: int
    kind: str
    short: bool
    queue: str
    timeout: float
    retry: JsonObject
    description: str
    input_schema: JsonObject
    output_schema: JsonObject
    secret_fields: list[str]
    contract_hash: str
    served_by: str
    build_id: str
    advertised_at: datetime
    seen_at: datetime
    served_until: datetime
    served: bool


class AdvertisedActions:
    """What one tenant may call: its own, and what is there for all; its own comes first."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def list(self) -> list[AdvertisedActionRow]:
        """By id and version, one row for each."""
        return await self._read(self._visible())

    async def called(self, ids: Collection[str]) -> list[AdvertisedActionRow]:
        """All versions of the actions that have these ids."""
        return await self._read(self._visible().where(actions.c.action_id.in_(list(ids))))

    async def get(self, tenant: str, action_id: str, version: int) -> AdvertisedActionRow | None:
        """The row of exactly this owner, `ALL_TENANTS` or this tenant itself."""
        query = self._visible().where(
            actions.c.tenant == tenant,
            actions.c.action_id == action_id,
            actions.c.version == version,
        )
        rows = await self._read(query)
        return rows[0] if rows else None

    async def ids_like(self, ids: Collection[str], *, limit: int) -> list[str]:
        """Ids of actions that begin with the same letter as one of `ids`."""
        query = (
            select(actions.c.action_id)
            .where(self._is_visible(), func.left(actions.c.action_id, 1).in_({i[:1] for i in ids}))
            .distinct()
            .order_by(actions.c.action_id)
            .limit(limit)
        )
        return list(await self._connection.scalars(query))

    async def _read(self, query: Select[Any]) -> list[AdvertisedActionRow]:
        rows = await self._connection.execute(query)
        return [read(AdvertisedActionRow, row) for row in rows.mappings()]

    def _is_visible(self) -> ColumnElement[bool]:
        return or_(actions.c.tenant == self._tenant, actions.c.tenant == ALL_TENANTS)

    def _visible(self) -> Select[Any]:
        served = (actions.c.served_until > func.clock_timestamp()).label("served")
        return (
            select(actions, served)
            .where(self._is_visible())
            .ext(distinct_on(actions.c.action_id, actions.c.version))
            # False sorts before true, and a tenant's own row comes before that of all.
            .order_by(actions.c.action_id, actions.c.version, actions.c.tenant == ALL_TENANTS)
        )
