"""Rows of API keys. Only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import api_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRow:
    """One key without its secret."""

    id: UUID
    name: str
    role: str
    created_at: datetime
    revoked_at: datetime | None


class ApiKeys:
    """The keys of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, key_id: UUID, *, name: str, role: str, key_hash: str) -> None:
        await self._connection.execute(
            insert(api_keys).values(
                tenant=self._tenant, id=key_id, name=name, role=role, hash=key_hash
            )
        )

    async def list(self) -> list[ApiKeyRow]:
        """Every key, the newest first."""
        rows = await self._connection.execute(
            select(api_keys)
            .where(api_keys.c.tenant == self._tenant)
            .order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        )
        return [read(ApiKeyRow, row) for row in rows.mappings()]

    async def revoke(self, key_id: UUID) -> bool:
        """Whether there was such a key that was still valid."""
        result = await self._connection.execute(
            update(api_keys)
            .where(
                api_keys.c.tenant == self._tenant,
                api_keys.c.id == key_id,
                api_keys.c.revoked_at.is_(None),
            )
            .values(revoked_at=func.clock_timestamp())
            .returning(api_keys.c.id)
        )
        return result.one_or_none() is not None
