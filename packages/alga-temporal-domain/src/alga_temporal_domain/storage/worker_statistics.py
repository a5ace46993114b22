"""Rows of what project workers have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

# A batch that was written already, though nobody was told so, matches nothing.
_INSTANCE = text("""
    UPDATE worker_instances SET batch = :batch,
        tasks_completed = tasks_completed + :completed, tasks_failed = tasks_failed + :failed,
        sum_ms = sum_ms + :sum_ms,
        cpu_percent = CASE WHEN stopped_at IS NULL THEN :cpu_percent END,
        memory_mb = CASE WHEN stopped_at IS NULL THEN :memory_mb END,
        beat_at = CASE WHEN stopped_at IS NULL THEN clock_timestamp() ELSE beat_at END,
        busy_at = CASE WHEN CAST(:idle AS interval) IS NULL THEN busy_at
                       ELSE greatest(busy_at, clock_timestamp() - :idle) END
    WHERE tenant = :tenant AND id = :id AND holder = :holder AND epoch = :epoch
      AND batch < :batch
    RETURNING id
""")
_ACTIVITY = text("""
    INSERT INTO activity_stats AS s (tenant, project_id, hash, activity, ok, failed, sum_ms,
        histogram, last_executed_at)
    VALUES (:tenant, :project_id, :hash, :activity, :ok, :failed, :sum_ms, :histogram,
        clock_timestamp())
    ON CONFLICT (project_id, hash, activity) DO UPDATE SET
        ok = s.ok + excluded.ok, failed = s.failed + excluded.failed,
        sum_ms = s.sum_ms + excluded.sum_ms,
        histogram = add_histograms(s.histogram, excluded.histogram),
        last_executed_at = excluded.last_executed_at
""")
_PROJECT = text("""
    UPDATE projects SET
        total_activity_executions = total_activity_executions + :activities,
        total_workflow_executions = total_workflow_executions + :workflows,
        avg_execution_duration_ms = CASE WHEN :workflows = 0 THEN avg_execution_duration_ms ELSE
            (avg_execution_duration_ms::float8 * total_workflow_executions + :workflow_ms)
            / (total_workflow_executions + :workflows) END,
        last_execution_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :project_id
""")
_SUMMARY = text("""
    SELECT activity, sum(ok)::bigint AS ok, sum(failed)::bigint AS failed, sum(sum_ms) AS sum_ms,
        sum_histograms(histogram) AS histogram, max(last_executed_at) AS last_executed_at
    FROM activity_stats
    WHERE tenant = :tenant AND project_id = :project_id
      AND (CAST(:hash AS text) IS NULL OR hash = :hash)
    GROUP BY activity ORDER BY activity
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityDelta:
    """Attempts of one activity that ended."""

    activity: str
    ok: int
    failed: int
    sum_ms: float
    histogram: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceDelta:
    """What one process has done since its last batch, and how it is.

    `batch` counts the process's batches from 1. `idle`: since it last did something; None if it
    never did.
    """

    id: UUID
    project_id: UUID
    hash: str
    epoch: int
    holder: str
    batch: int
    cpu_percent: float
    memory_mb: float
    idle: timedelta | None
    workflows: int
    workflow_ms: float
    activities: Sequence[ActivityDelta]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySummary:
    """All attempts of one activity. `histogram`: counts of `projects/durations.py`'s buckets."""

    activity: str
    ok: int
    failed: int
    sum_ms: float
    histogram: list[int]
    last_executed_at: datetime


class WorkerStatistics:
    """What the workers of one tenant's projects have done."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, delta: InstanceDelta) -> bool:
        """Whether it was new: a batch counts once, however often it is sent."""
        ok = sum(one.ok for one in delta.activities)
        failed = sum(one.failed for one in delta.activities)
        values = {
            "tenant": self._tenant,
            "id": delta.id,
            "holder": delta.holder,
            "epoch": delta.epoch,
            "batch": delta.batch,
            "completed": ok,
            "failed": failed,
            "sum_ms": sum(one.sum_ms for one in delta.activities),
            "cpu_percent": delta.cpu_percent,
            "memory_mb": delta.memory_mb,
            "idle": delta.idle,
        }
        if (await self._connection.execute(_INSTANCE, values)).one_or_none() is None:
            return False
        rows = [self._activity(delta, one) for one in delta.activities]
        if rows:
            await self._connection.execute(_ACTIVITY, rows)
        if ok + failed + delta.workflows:
            values = {
                "tenant": self._tenant,
                "project_id": delta.project_id,
                "activities": ok + failed,
                "workflows": delta.workflows,
                "workflow_ms": delta.workflow_ms,
            }
            await self._connection.execute(_PROJECT, values)
        return True

    async def summary(
        self, project_id: UUID, bundle_hash: str | None = None
    ) -> list[ActivitySummary]:
        """Per activity of a project, by name: of one version, or of all."""
        values = {"tenant": self._tenant, "project_id": project_id, "hash": bundle_hash}
        rows = await self._connection.execute(_SUMMARY, values)
        return [read(ActivitySummary, row) for row in rows]

    def _activity(self, delta: InstanceDelta, one: ActivityDelta) -> dict[str, Any]:
        return {
            "tenant": self._tenant,
            "project_id": delta.project_id,
            "hash": delta.hash,
            "activity": one.activity,
            "ok": one.ok,
            "failed": one.failed,
            "sum_ms": one.sum_ms,
            "histogram": one.histogram,
        }
