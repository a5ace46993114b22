"""What the API shows of projects and bundles, and what it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from alga_temporal_domain.projects.bundles import Limits, Manifest
from alga_temporal_domain.storage.bundles import ActivationRow, BundleRow
from alga_temporal_domain.storage.projects import ProjectRow
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model, Prose

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slots = Annotated[int, Field(ge=1, le=10)]


class NewProject(Model):
    """A project to be. `queue` absent: `project-<id>`."""

    name: Annotated[Line, Field(min_length=1, max_length=255)]
    description: Annotated[Prose | None, Field(max_length=10_000)] = None
    queue: Annotated[Line | None, Field(min_length=1, max_length=255)] = None


class ProjectLimits(Model):
    """What a worker of the project may have, whatever its bundle says; null: what that says."""

    activities: Annotated[int | None, Field(ge=1, le=1000)] = None
    workflows: Annotated[int | None, Field(ge=1, le=1000)] = None
    memory_mb: Annotated[int | None, Field(ge=64, le=65536)] = None


class ProjectChange(Model):
    """What is to change; what is absent stays, in `limits` too. `idleSeconds` null: workers never
    sleep. `limits` null: all are the bundle's. With other limits running workers are replaced."""

    slots: Slots | None = None
    most_slots: Slots | None = None
    idle_seconds: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    limits: ProjectLimits | None = None


class ProjectView(Model):
    """A project. `desired` is what was asked for; `asleep`: its workers wait for something to do.

    `slots`: workers of a version; `mostSlots`: with much to do.
    """

    id: UUID
    name: str
    description: str | None
    created_by: str
    created_at: datetime
    queue: str
    desired: Literal["running", "stopped"]
    asleep: bool
    slots: int
    most_slots: int
    idle_seconds: int | None
    limits: ProjectLimits
    total_workflow_executions: int
    total_activity_executions: int
    avg_execution_duration_ms: int
    last_execution_at: datetime | None


class NewManifest(Model):
    """What the code has to offer. `limits` absent: those that this service gives."""

    workflows: list[str] = Field(default_factory=list[str])
    activities: list[str] = Field(default_factory=list[str])
    queue: str | None = None
    limits: Limits | None = None


class NewBundle(Model):
    """Modules by their paths. `manifest` absent: it is read from the code."""

    files: dict[str, str]
    manifest: NewManifest | None = None


class PublishedView(Model):
    """The name of what was published, and what it offers."""

    hash: str
    created: bool
    manifest: Manifest


class BundleView(Model):
    """A bundle without its files."""

    hash: str
    manifest: dict[str, Any]
    created_at: datetime
    created_by: str


class BundleDetailView(Model):
    """A bundle as it was published."""

    hash: str
    manifest: Manifest
    files: dict[str, str]


class Activate(Model):
    """Which executions begin with the bundle: `rampPercent` of the new ones. `ifSeq`: the latest
    activation that the sender knows of, 0 for none."""

    mode: Literal["pinned", "auto_upgrade"] = "pinned"
    ramp_percent: Annotated[int, Field(ge=1, le=100)] = 100
    reason: Annotated[Prose | None, Field(max_length=2000)] = None
    if_seq: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None


class ActivationView(Model):
    """One activation; they are numbered from 1."""

    seq: int
    hash: str
    mode: str
    ramp_percent: int
    actor: str
    reason: str | None
    at: datetime


class WorkerWish(Model):
    """Whether the project's workers are to run."""

    desired: Literal["running", "stopped"]


class StartRun(Model):
    """`id` absent: one is made. `wait`: seconds to wait for the end, at most 60."""

    input: Json = None
    id: Annotated[Line | None, Field(min_length=1, max_length=200)] = None
    wait: Annotated[float | None, Field(ge=0, le=60)] = None


class RunView(Model):
    """An execution by its ids in Temporal. `status` is Temporal's, in lower case; `result` and
    `error` are null until it has ended, or if nobody waited for that."""

    workflow_id: str
    run_id: str
    status: str
    result: Json
    error: str | None


def project_view(row: ProjectRow) -> ProjectView:
    """What people see of a project."""
    same = set(ProjectView.model_fields) - {"queue", "desired", "limits"}
    return ProjectView(
        queue=row.task_queue_name,
        desired="running" if row.desired == "RUNNING" else "stopped",
        limits=ProjectLimits(
            activities=row.limit_activities,
            workflows=row.limit_workflows,
            memory_mb=row.limit_memory_mb,
        ),
        **{name: getattr(row, name) for name in same},
    )


def changed_limits(change: ProjectChange) -> dict[str, int | None]:
    """The limits that are to change, by their names."""
    if "limits" not in change.model_fields_set:
        return {}
    if change.limits is None:
        return dict.fromkeys(ProjectLimits.model_fields)
    return change.limits.model_dump(exclude_unset=True)


def bundle_view(row: BundleRow) -> BundleView:
    """What lists show of a bundle."""
    return BundleView(**{name: getattr(row, name) for name in BundleView.model_fields})


def activation_view(row: ActivationRow) -> ActivationView:
    """What people see of an activation."""
    same = set(ActivationView.model_fields) - {"mode"}
    return ActivationView(mode=row.mode.lower(), **{name: getattr(row, name) for name in same})
