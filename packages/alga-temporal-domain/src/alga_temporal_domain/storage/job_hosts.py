"""Rows of handlers at hosts, and of the callbacks by which hosts answer later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_PUT = text("""
    INSERT INTO job_handlers (tenant, name, definition, actor)
    VALUES (:tenant, :name, :definition, :actor)
    ON CONFLICT (tenant, name) DO UPDATE SET definition = excluded.definition,
        actor = excluded.actor, updated_at = clock_timestamp()
    RETURNING xmax = 0 AS is_new
""").bindparams(bindparam("definition", type_=JSON))
_REMOVE = text("DELETE FROM job_handlers WHERE tenant = :tenant AND name = :name RETURNING name")
_GET = text("""
    SELECT name, definition, actor, created_at, updated_at FROM job_handlers
    WHERE tenant = :tenant AND name = :name
""")
_ALL = text("""
    SELECT name, definition, actor, created_at, updated_at FROM job_handlers
    WHERE tenant = :tenant ORDER BY name
""")
_ADD_CALLBACK = text("""
    INSERT INTO job_callbacks (tenant, token_hash, job_id, name, attempt, task_token, expires_at)
    VALUES (:tenant, :token_hash, :job_id, :name, :attempt, :task_token,
        clock_timestamp() + :lifetime)
""")
_CALLBACK = text("""
    SELECT job_id, name, attempt, task_token, answer_hash, accepted_at,
        expires_at <= clock_timestamp() AS is_expired
    FROM job_callbacks WHERE tenant = :tenant AND token_hash = :token_hash
""")
_ANSWER = text("""
    UPDATE job_callbacks SET answer_hash = :answer_hash
    WHERE tenant = :tenant AND token_hash = :token_hash AND answer_hash IS NULL
    RETURNING token_hash
""")
_ACCEPTED = text("""
    UPDATE job_callbacks SET accepted_at = coalesce(accepted_at, clock_timestamp())
    WHERE tenant = :tenant AND token_hash = :token_hash
""")
_TENANT = text("SELECT tenant_of_job_callback(:hash)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRow:
    """A job that a tenant's host performs."""

    name: str
    definition: dict[str, Any]
    actor: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRow:
    """What a token stands for: one attempt of one job, and its first answer, if there is one."""

    job_id: UUID
    name: str
    attempt: int
    task_token: bytes
    answer_hash: str | None
    accepted_at: datetime | None
    is_expired: bool


class JobHosts:
    """Hosts of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def put(self, name: str, *, definition: dict[str, Any], actor: str) -> bool:
        """Whether it is new."""
        values = self._of(name=name, definition=definition, actor=actor)
        return bool((await self._connection.execute(_PUT, values)).scalar_one())

    async def remove(self, name: str) -> bool:
        """Whether there was one."""
        found = await self._connection.execute(_REMOVE, self._of(name=name))
        return found.one_or_none() is not None

    async def get(self, name: str) -> HandlerRow | None:
        row = (await self._connection.execute(_GET, self._of(name=name))).one_or_none()
        return None if row is None else read(HandlerRow, row)

    async def all(self) -> list[HandlerRow]:
        """By name."""
        return [read(HandlerRow, row) for row in await self._connection.execute(_ALL, self._of())]

    async def add_callback(
        self,
        token_hash: str,
        *,
        job_id: UUID,
        name: str,
        attempt: int,
        task_token: bytes,
        lifetime: timedelta,
    ) -> None:
        """A token that is about to be given to a host."""
        values = self._of(
            token_hash=token_hash,
            job_id=job_id,
            name=name,
            attempt=attempt,
            task_token=task_token,
            lifetime=lifetime,
        )
        await self._connection.execute(_ADD_CALLBACK, values)

    async def callback(self, token_hash: str) -> CallbackRow | None:
        values = self._of(token_hash=token_hash)
        row = (await self._connection.execute(_CALLBACK, values)).one_or_none()
        return None if row is None else read(CallbackRow, row)

    async def answer(self, token_hash: str, answer_hash: str) -> bool:
        """Whether this is the first answer."""
        values = self._of(token_hash=token_hash, answer_hash=answer_hash)
        return (await self._connection.execute(_ANSWER, values)).one_or_none() is not None

    async def accepted(self, token_hash: str) -> None:
        """Temporal has taken the answer."""
        await self._connection.execute(_ACCEPTED, self._of(token_hash=token_hash))

    def _of(self, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, **more}


async def tenant_of_callback(connection: AsyncConnection, token_hash: str) -> str | None:
    """Whose job the token with this hash is for."""
    return (await connection.execute(_TENANT, {"hash": token_hash})).scalar_one()
