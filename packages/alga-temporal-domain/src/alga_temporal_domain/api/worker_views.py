"""What the API shows of workers, their statistics and what they write."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from alga_temporal_domain.projects.workers import WorkerState
from alga_temporal_domain.storage.instances import InstanceRow
from alga_temporal_domain.storage.observed import ActivityRow, LineRow
from alga_temporal_domain.storage.versions import VersionRow
from alga_workflows_core.types.model import Model


class InstanceView(Model):
    """A process, or one that was. `beatAt`: when something was last heard of it."""

    id: UUID
    hash: str
    slot: int
    epoch: int
    generation: int
    host: str
    pid: int | None
    state: str
    created_at: datetime
    ready_at: datetime | None
    stopped_at: datetime | None
    beat_at: datetime
    exit_kind: str | None
    reason: str | None
    cpu_percent: float | None
    memory_mb: float | None
    tasks_completed: int
    tasks_failed: int
    average_ms: float


class VersionView(Model):
    """A bundle since it was activated: `current`, `ramping`, `draining` or `drained`.

    `moved`: whether running executions go on with it, as its activation (`auto_upgrade`) has
    asked for; null: it has not, or it is not decided yet. `moveFindings`: why they do not.
    `reason`: of the last crash.
    """

    hash: str
    state: str
    ramp_percent: int
    seq: int
    since: datetime
    crashes: int
    retry_at: datetime | None
    quarantined_at: datetime | None
    reason: str | None
    moved: bool | None
    move_findings: list[dict[str, Any]] | None


class WorkerView(Model):
    """What is wanted of a project's workers, and what there is."""

    project_id: UUID
    queue: str
    desired: Literal["running", "stopped"]
    status: Literal["running", "stopped"]
    asleep: bool
    generation: int
    versions: list[VersionView]
    instances: list[InstanceView]


class ActivityView(Model):
    """How an activity of a bundle has done; times are in ms. `requiresDedicatedWorker`: it was
    executed more than 1000 times, takes more than 5 s in the mean, or fails more than once in 20.
    """

    hash: str
    activity: str
    ok: int
    failed: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    last_executed_at: datetime
    requires_dedicated_worker: bool


class StatisticsView(Model):
    """By bundle and activity, what was executed last first."""

    items: list[ActivityView]


class LineView(Model):
    """One line that a process has written; `id` grows."""

    id: int
    instance_id: UUID
    at: datetime
    stream: str
    line: str


class LinesView(Model):
    """Lines in their order. `next`: what to ask for `after` to get those behind them."""

    items: list[LineView]
    next: int


def worker_view(state: WorkerState) -> WorkerView:
    """What people see of a project's workers."""
    project = state.project
    return WorkerView(
        project_id=project.id,
        queue=project.task_queue_name,
        desired="running" if project.desired == "RUNNING" else "stopped",
        status="running" if state.is_running else "stopped",
        asleep=project.asleep,
        generation=project.generation,
        versions=[_version_view(row) for row in state.versions],
        instances=[instance_view(row) for row in state.instances],
    )


def instance_view(row: InstanceRow) -> InstanceView:
    """What people see of a process."""
    return InstanceView(**{name: getattr(row, name) for name in InstanceView.model_fields})


def activity_view(row: ActivityRow) -> ActivityView:
    """What people see of an activity."""
    count, mean = row.ok + row.failed, row.mean_ms or 0
    dedicated = count > 1000 or mean > 5000 or row.failed > 0.05 * count
    same = set(ActivityView.model_fields) - {"requires_dedicated_worker"}
    return ActivityView(
        requires_dedicated_worker=dedicated, **{name: getattr(row, name) for name in same}
    )


def line_view(row: LineRow) -> LineView:
    """What people see of a line."""
    return LineView(**{name: getattr(row, name) for name in LineView.model_fields})


def _version_view(row: VersionRow) -> VersionView:
    same = set(VersionView.model_fields) - {"state", "moved"}
    return VersionView(
        state=row.state.lower(),
        moved=row.move_findings is None if row.moved_seq == row.seq else None,
        **{name: getattr(row, name) for name in same},
    )
