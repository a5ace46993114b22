"""Rows of jobs, their steps and results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_OPEN = "state IN ('QUEUED', 'RUNNING')"
_ONE = "tenant = :tenant AND id = :id"
_COLUMNS = """id, name, workflow_id, run_id, schedule_key, actor, state, attempt, progress,
    progress_message, error_type, error_message, skipped, created_at, start_at, started_at,
    ended_at, updated_at"""

_ENSURE = text("""
    INSERT INTO jobs (tenant, id, name, workflow_id, run_id, schedule_key, actor, created_at,
        start_at, look_at, looks)
    VALUES (:tenant, :id, :name, :workflow_id, :run_id, :schedule_key, :actor, :created_at,
        :start_at, coalesce(:start_at, clock_timestamp()) + interval '2 seconds', 3)
    ON CONFLICT DO NOTHING
""")
_STARTED = text(f"""
    UPDATE jobs SET state = 'RUNNING', attempt = greatest(attempt, :attempt),
        started_at = coalesce(started_at, :at), updated_at = clock_timestamp()
    WHERE {_ONE} AND {_OPEN}
""")  # noqa: S608 (the constants above)
_PROGRESS = text(f"""
    UPDATE jobs SET progress = :progress, progress_message = :message,
        attempt = greatest(attempt, :attempt), updated_at = clock_timestamp()
    WHERE {_ONE} AND {_OPEN} AND attempt <= :attempt
""")  # noqa: S608
_LOOK_NOW = text(f"""
    UPDATE jobs SET look_at = clock_timestamp(), looks = 0 WHERE {_ONE} AND {_OPEN}
""")  # noqa: S608
_END = text(f"""
    UPDATE jobs SET state = :state, error_type = :error_type, error_message = :error_message,
        skipped = :skipped, ended_at = :ended_at, updated_at = clock_timestamp(),
        started_at = coalesce(started_at, :started_at),
        progress = CASE WHEN :state = 'SUCCEEDED' THEN 1 ELSE progress END
    WHERE {_ONE} AND {_OPEN} RETURNING id
""")  # noqa: S608
_STEP = text("""
    INSERT INTO job_steps (tenant, job_id, name, attempt, message, at)
    VALUES (:tenant, :id, :name, :attempt, :message, :at) ON CONFLICT DO NOTHING
""")
_KEEP_RESULT = text("""
    INSERT INTO job_results (tenant, job_id, result, bytes)
    VALUES (:tenant, :id, :result, :bytes)
    ON CONFLICT (tenant, job_id) DO UPDATE SET result = excluded.result, bytes = excluded.bytes
""").bindparams(bindparam("result", type_=JSON))
_RESULT = text("SELECT result, bytes FROM job_results WHERE tenant = :tenant AND job_id = :id")
_GET = text(f"SELECT {_COLUMNS} FROM jobs WHERE {_ONE}")  # noqa: S608
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM jobs
    WHERE tenant = :tenant
      AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:name AS text) IS NULL OR name = :name)
      AND (CAST(:schedule_key AS text) IS NULL OR schedule_key = :schedule_key)
      AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
      AND (CAST(:at AS timestamptz) IS NULL OR created_at < :at
           OR (created_at = :at AND id > :after_id))
    ORDER BY created_at DESC, id LIMIT :at_most
""")  # noqa: S608
_STEPS = text("""
    SELECT name, attempt, message, at FROM job_steps WHERE tenant = :tenant AND job_id = :id
    ORDER BY at, attempt, name
""")
_TO_SETTLE = text("SELECT * FROM jobs_to_settle(:at_most)")
_PRUNE = text("SELECT prune_jobs(:older, :at_most)")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """Which job, and where Temporal has it."""

    tenant: str
    id: UUID
    name: str
    workflow_id: str
    run_id: str
    created_at: datetime
    schedule_key: str | None = None
    actor: str | None = None
    start_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job, as far as rows know it."""

    id: UUID
    name: str
    workflow_id: str
    run_id: str
    schedule_key: str | None
    actor: str | None
    state: str
    attempt: int
    progress: float | None
    progress_message: str | None
    error_type: str | None
    error_message: str | None
    skipped: str | None
    created_at: datetime
    start_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How Temporal says that a job has ended."""

    state: str
    ended_at: datetime
    started_at: datetime | None = None
    error_type: str | None = None
    error_message: str | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """Something that has happened to a job."""

    name: str
    attempt: int
    message: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs of a tenant; None: all."""

    state: str | None = None
    name: str | None = None
    schedule_key: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """A job that was open when somebody last looked."""

    tenant: str
    job_id: UUID
    workflow_id: str
    run_id: str
    schedule_key: str | None


class Jobs:
    """The jobs of one tenant. What comes late never undoes an end."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def ensure(self, ref: JobRef) -> None:
        """Have a row of the job, if there is none."""
        await self._connection.execute(_ENSURE, asdict(ref))

    async def started(self, job_id: UUID, *, attempt: int, at: datetime) -> None:
        """An attempt has begun."""
        await self._connection.execute(_STARTED, self._of(job_id, attempt=attempt, at=at))

    async def progress(
        self, job_id: UUID, *, attempt: int, progress: float, message: str | None
    ) -> None:
        """How far this attempt is, unless a later one has begun."""
        values = self._of(job_id, attempt=attempt, progress=progress, message=message)
        await self._connection.execute(_PROGRESS, values)

    async def look_now(self, job_id: UUID) -> None:
        """Have the row compared with Temporal at once."""
        await self._connection.execute(_LOOK_NOW, self._of(job_id))

    async def end(self, job_id: UUID, end: JobEnd) -> bool:
        """Whether the row was open, and now says this end."""
        values = self._of(job_id, **asdict(end))
        return (await self._connection.execute(_END, values)).one_or_none() is not None

    async def step(self, job_id: UUID, step: StepRow) -> None:
        """Something has happened; said twice it is written once."""
        await self._connection.execute(_STEP, self._of(job_id, **asdict(step)))

    async def keep_result(self, job_id: UUID, result: Any, size: int) -> None:
        """The result, `size` bytes of JSON; the last one counts."""
        values = self._of(job_id, result=result, bytes=size)
        await self._connection.execute(_KEEP_RESULT, values)

    async def result(self, job_id: UUID) -> tuple[Any, int] | None:
        """The result and its bytes."""
        row = (await self._connection.execute(_RESULT, self._of(job_id))).one_or_none()
        return None if row is None else (row.result, row.bytes)

    async def get(self, job_id: UUID) -> JobRow | None:
        row = (await self._connection.execute(_GET, self._of(job_id))).one_or_none()
        return None if row is None else read(JobRow, row)

    async def page(
        self, wanted: JobFilter, after: tuple[datetime, UUID] | None, at_most: int
    ) -> list[JobRow]:
        """Jobs behind one, the newest first."""
        at, after_id = after or (None, None)
        values = {
            **asdict(wanted),
            "tenant": self._tenant,
            "at": at,
            "after_id": after_id,
            "at_most": at_most,
        }
        rows = await self._connection.execute(_PAGE, values)
        return [read(JobRow, row) for row in rows]

    async def steps(self, job_id: UUID) -> list[StepRow]:
        """In the order in which they happened."""
        rows = await self._connection.execute(_STEPS, self._of(job_id))
        return [read(StepRow, row) for row in rows]

    def _of(self, job_id: UUID, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "id": job_id, **more}


async def jobs_to_settle(connection: AsyncConnection, at_most: int) -> list[OpenJob]:
    """Open jobs of all tenants that are due to be compared with Temporal; they are the caller's
    until they are due again."""
    rows = await connection.execute(_TO_SETTLE, {"at_most": at_most})
    return [read(OpenJob, row) for row in rows]


async def prune_jobs(connection: AsyncConnection, older: Any, at_most: int) -> int:
    """Delete jobs of all tenants that ended so long ago (a timedelta); how many there were."""
    values = {"older": older, "at_most": at_most}
    return int((await connection.execute(_PRUNE, values)).scalar_one())
