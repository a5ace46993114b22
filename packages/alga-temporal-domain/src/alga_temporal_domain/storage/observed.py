"""What can be seen of a tenant's workers, for people who watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_RUNNING = text("""
    SELECT DISTINCT project_id FROM worker_instances
    WHERE tenant = :tenant AND state = 'ready' ORDER BY project_id
""")
_STATES = text("""
    SELECT id, project_id, hash, slot, state, reason, created_at, ready_at, stopped_at
    FROM worker_instances
    WHERE tenant = :tenant
      AND (CAST(:project_id AS uuid) IS NULL OR project_id = :project_id)
      AND (state IN ('pending', 'starting', 'ready', 'draining')
           OR stopped_at > clock_timestamp() - interval '1 minute')
    ORDER BY created_at, id
""")
_LINES = text("""
    SELECT id, project_id, instance_id, at, stream, line FROM worker_logs
    WHERE tenant = :tenant AND id > :after
      AND (CAST(:project_id AS uuid) IS NULL OR project_id = :project_id)
    ORDER BY id LIMIT :at_most
""")
_LATEST_LINES = text("""
    SELECT id, project_id, instance_id, at, stream, line FROM (
        SELECT id, project_id, instance_id, at, stream, line FROM worker_logs
        WHERE tenant = :tenant AND project_id = :project_id ORDER BY id DESC LIMIT :at_most
    ) latest ORDER BY id
""")
_LAST_LINE = text("SELECT coalesce(max(id), 0) FROM worker_logs WHERE tenant = :tenant")
_STATISTICS = text("""
    SELECT hash, activity, ok, failed, sum_ms / nullif(ok + failed, 0) AS mean_ms,
        histogram_percentile(histogram, 0.5) AS p50_ms,
        histogram_percentile(histogram, 0.95) AS p95_ms,
        histogram_percentile(histogram, 0.99) AS p99_ms, last_executed_at
    FROM activity_stats WHERE tenant = :tenant AND project_id = :project_id
    ORDER BY last_executed_at DESC, hash, activity LIMIT 500
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """What a process is now, or was when it ended."""

    id: UUID
    project_id: UUID
    hash: str
    slot: int
    state: str
    reason: str | None
    created_at: datetime
    ready_at: datetime | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One line that a process has written."""

    id: int
    project_id: UUID
    instance_id: UUID
    at: datetime
    stream: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRow:
    """How an activity of a bundle has done. Times are in ms; None without executions."""

    hash: str
    activity: str
    ok: int
    failed: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    last_executed_at: datetime


class Observed:
    """The workers of one tenant, to be read."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def running(self) -> list[UUID]:
        """The projects with a process that takes work."""
        rows = await self._connection.execute(_RUNNING, {"tenant": self._tenant})
        return [row.project_id for row in rows]

    async def states(self, project_id: UUID | None) -> list[StateRow]:
        """Processes that live or have ended within the last minute, the oldest first; of every
        project without one."""
        rows = await self._connection.execute(_STATES, self._of(project_id))
        return [read(StateRow, row) for row in rows]

    async def lines(self, project_id: UUID | None, after: int, at_most: int) -> list[LineRow]:
        """Lines behind one, in the order in which they came; of every project without one."""
        values = self._of(project_id, after=after, at_most=at_most)
        rows = await self._connection.execute(_LINES, values)
        return [read(LineRow, row) for row in rows]

    async def latest_lines(self, project_id: UUID, at_most: int) -> list[LineRow]:
        """The newest lines, in the order in which they came."""
        values = self._of(project_id, at_most=at_most)
        rows = await self._connection.execute(_LATEST_LINES, values)
        return [read(LineRow, row) for row in rows]

    async def last_line(self) -> int:
        """The newest line of any project, 0 without any."""
        rows = await self._connection.execute(_LAST_LINE, {"tenant": self._tenant})
        return int(rows.scalar_one())

    async def statistics(self, project_id: UUID) -> list[ActivityRow]:
        """By bundle and activity, what was executed last first."""
        rows = await self._connection.execute(_STATISTICS, self._of(project_id))
        return [read(ActivityRow, row) for row in rows]

    def _of(self, project_id: UUID | None, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "project_id": project_id, **more}
