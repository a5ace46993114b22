"""Rows of what has become of the occurrences of schedules."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.schedule_tables import workflow_schedule_fires as fires

SCHEDULE_TRIGGER = "schedule"
"""The trigger type of runs that schedules start."""


class Cause(StrEnum):
    """What an occurrence came from: its time, somebody who made up for it, or a request."""

    TIME = "time"
    BACKFILL = "backfill"
    REQUEST = "request"


class FireOutcome(StrEnum):
    """What became of it."""

    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFire:
    """What has become of an occurrence. `run_id` is there if it was started, else `code` and
    `reason`, a sentence, are."""

    key: str
    nominal_at: datetime
    cause: Cause
    outcome: FireOutcome
    decided_by: str
    code: str | None = None
    reason: str | None = None
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRow:
    """The same as it was written; `decided_at` by the database's clock."""

    key: str
    nominal_at: datetime
    cause: Cause
    outcome: FireOutcome
    code: str | None
    reason: str | None
    run_id: UUID | None
    decided_at: datetime
    decided_by: str


def execution_key(schedule_id: str, key: str) -> str:
    """What tells the run of an occurrence from all others of its definition."""
    # An id has no such sign, so no two keys run together.
    return f"{schedule_id}@{key}"


def schedule_of_key(execution_key: str) -> str:
    """The id of the schedule that has started the run with this key."""
    return execution_key.partition("@")[0]


class ScheduleFires:
    """The occurrences of one tenant's schedules."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def get(self, schedule_id: str, key: str) -> FireRow | None:
        found = await self._connection.execute(
            select(fires).where(*self._of(schedule_id), fires.c.key == key)
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(FireRow, row)

    async def write(self, schedule_id: str, new: NewFire) -> FireRow:
        """Write it; over an earlier one, unless that was started, which stays as it is."""
        values = _values(new)
        await self._connection.execute(
            insert(fires)
            .values(tenant=self._tenant, schedule_id=schedule_id, key=new.key, **values)
            .on_conflict_do_update(
                index_elements=["tenant", "schedule_id", "key"],
                set_={**values, "decided_at": func.clock_timestamp()},
                where=fires.c.outcome != FireOutcome.STARTED,
            )
        )
        written = await self.get(schedule_id, new.key)
        if written is None:
            raise RuntimeError(f"occurrence {new.key} of {schedule_id} cannot be read")
        return written

    async def add(self, schedule_id: str, new: NewFire) -> None:
        """Write it if nothing is known of it yet."""
        await self._connection.execute(
            insert(fires)
            .values(tenant=self._tenant, schedule_id=schedule_id, key=new.key, **_values(new))
            .on_conflict_do_nothing(index_elements=["tenant", "schedule_id", "key"])
        )

    async def list(
        self, schedule_id: str, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[FireRow]:
        """The newest first, beginning behind `after` (nominal time and key of one)."""
        query = select(fires).where(*self._of(schedule_id))
        if after is not None:
            query = query.where(tuple_(fires.c.nominal_at, fires.c.key) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(fires.c.nominal_at.desc(), fires.c.key.desc()).limit(limit)
        )
        return [read(FireRow, row) for row in rows.mappings()]

    async def known(self, schedule_id: str, start: datetime, end: datetime) -> frozenset[str]:
        """The keys of those whose time is from `start` to `end`."""
        query = select(fires.c.key).where(
            *self._of(schedule_id), fires.c.nominal_at >= start, fires.c.nominal_at <= end
        )
        return frozenset(await self._connection.scalars(query))

    async def forget(self, schedule_id: str, before: datetime) -> None:
        """Delete those that were decided before `before`."""
        # Nothing is decided before its time, which is what the index knows.
        await self._connection.execute(
            delete(fires).where(
                *self._of(schedule_id), fires.c.nominal_at < before, fires.c.decided_at < before
            )
        )

    def _of(self, schedule_id: str) -> tuple[ColumnElement[bool], ...]:
        return (fires.c.tenant == self._tenant, fires.c.schedule_id == schedule_id)


def _values(new: NewFire) -> dict[str, Any]:
    values = asdict(new)
    del values["key"]
    return values
