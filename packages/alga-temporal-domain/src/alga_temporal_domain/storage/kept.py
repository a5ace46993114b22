"""Rows of what a project's activities keep: files and cached results."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

_WRITE = text("""
    INSERT INTO project_files (tenant, project_id, name, content)
    VALUES (:tenant, :project_id, :name, :content)
    ON CONFLICT (project_id, name)
    DO UPDATE SET content = excluded.content, updated_at = clock_timestamp()
""")
_READ = text("""
    SELECT content FROM project_files
    WHERE tenant = :tenant AND project_id = :project_id AND name = :name
""")
_DELETE = text("""
    DELETE FROM project_files
    WHERE tenant = :tenant AND project_id = :project_id AND name = :name RETURNING name
""")
_USED = text("""
    SELECT coalesce(sum(octet_length(content)), 0) FROM project_files
    WHERE tenant = :tenant AND project_id = :project_id AND name <> :name
""")
_SET = text("""
    INSERT INTO project_cache (tenant, project_id, key, value, expires_at)
    VALUES (:tenant, :project_id, :key, :value, clock_timestamp() + :ttl)
    ON CONFLICT (project_id, key)
    DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
""").bindparams(bindparam("value", type_=JSON(none_as_null=False)))
_CACHED = text("""
    SELECT value FROM project_cache
    WHERE tenant = :tenant AND project_id = :project_id AND key = :key
      AND expires_at > clock_timestamp()
""")
_FORGET = text("""
    DELETE FROM project_cache WHERE tenant = :tenant AND project_id = :project_id
      AND expires_at <= clock_timestamp()
""")


class Kept:
    """Files and cached results of one tenant's projects."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def write_file(self, project_id: UUID, name: str, content: bytes) -> None:
        """Make it or replace it."""
        await self._connection.execute(_WRITE, self._of(project_id, name=name, content=content))

    async def read_file(self, project_id: UUID, name: str) -> bytes | None:
        """None if there is none."""
        values = self._of(project_id, name=name)
        content = (await self._connection.execute(_READ, values)).scalar_one_or_none()
        return None if content is None else bytes(content)

    async def delete_file(self, project_id: UUID, name: str) -> bool:
        """Whether there was one."""
        values = self._of(project_id, name=name)
        return (await self._connection.execute(_DELETE, values)).one_or_none() is not None

    async def bytes_beside(self, project_id: UUID, name: str) -> int:
        """What the project's other files take."""
        values = self._of(project_id, name=name)
        return int((await self._connection.execute(_USED, values)).scalar_one())

    async def set_cached(self, project_id: UUID, key: str, value: Any, ttl: timedelta) -> None:
        """Keep a JSON value for a while; what has run out goes at the same time."""
        await self._connection.execute(_FORGET, self._of(project_id))
        await self._connection.execute(_SET, self._of(project_id, key=key, value=value, ttl=ttl))

    async def cached(self, project_id: UUID, key: str) -> tuple[bool, Any]:
        """Whether there is one that has not run out, and the value."""
        row = (await self._connection.execute(_CACHED, self._of(project_id, key=key))).one_or_none()
        return (False, None) if row is None else (True, row.value)

    def _of(self, project_id: UUID, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "project_id": project_id, **more}
