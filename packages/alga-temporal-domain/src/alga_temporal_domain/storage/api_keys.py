"""Rows of API keys. Only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_ADD = text("""
    INSERT INTO api_keys (tenant, id, name, role, hash) VALUES (:tenant, :id, :name, :role, :hash)
""")
_LIST = text("""
    SELECT id, name, role, created_at, revoked_at FROM api_keys WHERE tenant = :tenant
    ORDER BY created_at DESC, id
""")
_REVOKE = text("""
    UPDATE api_keys SET revoked_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id AND revoked_at IS NULL RETURNING id
""")


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
        values = {
            "tenant": self._tenant,
            "id": key_id,
            "name": name,
            "role": role,
            "hash": key_hash,
        }
        await self._connection.execute(_ADD, values)

    async def list(self) -> list[ApiKeyRow]:
        """Every key, the newest first."""
        rows = await self._connection.execute(_LIST, {"tenant": self._tenant})
        return [read(ApiKeyRow, row) for row in rows]

    async def revoke(self, key_id: UUID) -> bool:
        """Whether there was such a key that was still valid."""
        values = {"tenant": self._tenant, "id": key_id}
        return (await self._connection.execute(_REVOKE, values)).one_or_none() is not None
