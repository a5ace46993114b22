"""Rows of recurring jobs: what is wanted, what Temporal was told, how the last run has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_ONE = "tenant = :tenant AND key = :key"
_COLUMNS = """key, name, definition, paused, deleted, actor, seq, told_seq, told_mark, problem,
    last_job_id, last_state, last_run_at, created_at, updated_at"""

_PUT = text("""
    INSERT INTO job_schedules AS s (tenant, key, name, definition, paused, actor)
    VALUES (:tenant, :key, :name, :definition, :paused, :actor)
    ON CONFLICT (tenant, key) DO UPDATE SET name = excluded.name,
        definition = excluded.definition, paused = excluded.paused, actor = excluded.actor,
        deleted = false, seq = s.seq + 1, check_at = clock_timestamp(),
        updated_at = clock_timestamp()
    RETURNING seq
""").bindparams(bindparam("definition", type_=JSON))
_PAUSE = text(f"""
    UPDATE job_schedules SET paused = :paused, seq = seq + 1, check_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE {_ONE} AND NOT deleted RETURNING seq
""")  # noqa: S608 (the constant above)
_MARK_DELETED = text(f"""
    UPDATE job_schedules SET deleted = true, seq = seq + 1, check_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE {_ONE} AND NOT deleted RETURNING seq
""")  # noqa: S608
_TOLD = text(f"""
    UPDATE job_schedules SET told_seq = :seq, told_mark = :mark, problem = NULL WHERE {_ONE}
""")  # noqa: S608
_PROBLEM = text(f"UPDATE job_schedules SET problem = :problem WHERE {_ONE}")  # noqa: S608
_REMOVE = text(f"DELETE FROM job_schedules WHERE {_ONE} AND deleted AND seq = :seq")  # noqa: S608
_LAST = text(f"""
    UPDATE job_schedules SET last_job_id = :job_id, last_state = :state, last_run_at = :at
    WHERE {_ONE} AND (last_run_at IS NULL OR last_run_at <= :at)
""")  # noqa: S608
_GET = text(f"SELECT {_COLUMNS} FROM job_schedules WHERE {_ONE}")  # noqa: S608
_LOCKED = text(f"SELECT {_COLUMNS} FROM job_schedules WHERE {_ONE} FOR UPDATE")  # noqa: S608
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM job_schedules
    WHERE tenant = :tenant AND NOT deleted
      AND (CAST(:at AS timestamptz) IS NULL OR created_at < :at
           OR (created_at = :at AND key > :after_key))
    ORDER BY created_at DESC, key LIMIT :at_most
""")  # noqa: S608
_TO_CHECK = text("SELECT tenant, key FROM job_schedules_to_check(:at_most, :again)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """One recurring job. `problem`: why Temporal does not have it as it should be."""

    key: str
    name: str
    definition: dict[str, Any]
    paused: bool
    deleted: bool
    actor: str | None
    seq: int
    told_seq: int | None
    told_mark: str | None
    problem: str | None
    last_job_id: UUID | None
    last_state: str | None
    last_run_at: datetime | None
    created_at: datetime
    updated_at: datetime


class JobSchedules:
    """The recurring jobs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def put(
        self, key: str, *, name: str, definition: dict[str, Any], paused: bool, actor: str
    ) -> None:
        """Have one, or change it; its row is locked from here on."""
        values = self._of(key, name=name, definition=definition, paused=paused, actor=actor)
        await self._connection.execute(_PUT, values)

    async def pause(self, key: str, *, paused: bool) -> bool:
        """Whether there is one."""
        found = await self._connection.execute(_PAUSE, self._of(key, paused=paused))
        return found.one_or_none() is not None

    async def mark_deleted(self, key: str) -> bool:
        """Whether there was one; its row stays until Temporal has forgotten it."""
        found = await self._connection.execute(_MARK_DELETED, self._of(key))
        return found.one_or_none() is not None

    async def told(self, key: str, *, seq: int, mark: str) -> None:
        """Temporal has the definition of this number."""
        await self._connection.execute(_TOLD, self._of(key, seq=seq, mark=mark))

    async def trouble(self, key: str, problem: str) -> None:
        """Temporal does not have it, for this reason."""
        await self._connection.execute(_PROBLEM, self._of(key, problem=problem))

    async def remove(self, key: str, *, seq: int) -> None:
        """Forget a deleted one, unless it is there again."""
        await self._connection.execute(_REMOVE, self._of(key, seq=seq))

    async def last(self, key: str, *, job_id: UUID, state: str, at: datetime) -> None:
        """A run has ended; the latest counts."""
        await self._connection.execute(_LAST, self._of(key, job_id=job_id, state=state, at=at))

    async def get(self, key: str, *, lock: bool = False) -> ScheduleRow | None:
        """Also a deleted one. With `lock` nobody else changes it before this transaction ends."""
        found = await self._connection.execute(_LOCKED if lock else _GET, self._of(key))
        row = found.one_or_none()
        return None if row is None else read(ScheduleRow, row)

    async def page(self, after: tuple[datetime, str] | None, at_most: int) -> list[ScheduleRow]:
        """Those behind one, the newest first."""
        at, key = after or (None, None)
        values = {"tenant": self._tenant, "at": at, "after_key": key, "at_most": at_most}
        rows = await self._connection.execute(_PAGE, values)
        return [read(ScheduleRow, row) for row in rows]

    def _of(self, key: str, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "key": key, **more}


async def schedules_to_check(
    connection: AsyncConnection, at_most: int, again: timedelta
) -> list[tuple[str, str]]:
    """(tenant, key) of those that are due to be held against Temporal, for all tenants."""
    rows = await connection.execute(_TO_CHECK, {"at_most": at_most, "again": again})
    return [(row.tenant, row.key) for row in rows]
