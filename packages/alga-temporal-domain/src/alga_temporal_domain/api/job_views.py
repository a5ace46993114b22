"""What the API shows of jobs, and what it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from alga_temporal_domain.jobs.catalogue import HostDefinition
from alga_temporal_domain.jobs.contracts import JobOptions, Seconds
from alga_temporal_domain.jobs.enqueueing import EnqueuedJob
from alga_temporal_domain.jobs.recurring import RecurringDefinition
from alga_temporal_domain.jobs.registry import Job
from alga_temporal_domain.jobs.values import schemas
from alga_temporal_domain.storage.job_hosts import HandlerRow
from alga_temporal_domain.storage.job_schedules import ScheduleRow
from alga_temporal_domain.storage.jobs import JobRow, StepRow
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model, Prose


class NewJob(Model):
    """A job to be: now, `delay` seconds later, or not before `startAt` (with an offset)."""

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    input: Json = None
    delay: Seconds | None = None
    start_at: str | None = None


class EnqueuedView(Model):
    """A job that Temporal has, and its ids there."""

    id: UUID
    name: str
    workflow_id: str
    run_id: str
    start_at: datetime | None


class JobView(Model):
    """A job as its row knows it. `state` follows Temporal; `error` is what its handler has raised,
    `skipped` why the handler was not called."""

    id: UUID
    name: str
    workflow_id: str
    run_id: str
    recurring: str | None
    actor: str | None
    state: str
    attempt: int
    progress: float | None
    progress_message: str | None
    error: dict[str, str] | None
    skipped: str | None
    created_at: datetime
    start_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime


class StepView(Model):
    """Something that has happened to a job."""

    name: str
    attempt: int
    message: str | None
    at: datetime


class StepsView(Model):
    """In order."""

    items: list[StepView]


class ResultView(Model):
    """What a job has given."""

    result: Json


class CancelJob(Model):
    """Why."""

    reason: Annotated[Prose, Field(max_length=2000)] | None = None


class JobNameView(Model):
    """A job that may be enqueued, with the JSON Schemas of its input and result."""

    name: str
    description: str
    by: Literal["worker", "host"]
    options: JobOptions
    input: dict[str, Any]
    output: dict[str, Any]


class JobNamesView(Model):
    """By name."""

    items: list[JobNameView]


class HostJobView(Model):
    """A job that a host of the tenant performs."""

    name: str
    definition: HostDefinition
    actor: str | None
    created_at: datetime
    updated_at: datetime


class HostJobsView(Model):
    """By name."""

    items: list[HostJobView]


class PutRecurring(RecurringDefinition):
    """A recurring job to be. `paused`: it starts no jobs until it is resumed."""

    paused: bool = False


class RecurringView(Model):
    """A recurring job. `inSync`: Temporal has it as it is here; `problem` says why not."""

    key: str
    definition: RecurringDefinition
    paused: bool
    actor: str | None
    in_sync: bool
    problem: str | None
    last_job_id: UUID | None
    last_state: str | None
    last_run_at: datetime | None
    created_at: datetime
    updated_at: datetime


class RecurringDetailView(RecurringView):
    """The same with the times at which Temporal starts its next jobs."""

    next_times: list[datetime]


class CompleteCallback(Model):
    """The host has done the job."""

    kind: Literal["complete"]
    result: Json = None


class FailCallback(Model):
    """The host could not. `retryable`: it may be asked again."""

    kind: Literal["fail"]
    message: Annotated[Prose, Field(min_length=1, max_length=4000)]
    type: Annotated[Line, Field(min_length=1, max_length=200)] = "JobHostFailure"
    retryable: bool = False


class ProgressCallback(Model):
    """The host is at work."""

    kind: Literal["progress"]
    fraction: Annotated[float, Field(ge=0, le=1)]
    message: Annotated[Prose, Field(max_length=2000)] | None = None


class Callback(Model):
    """What a host says."""

    answer: Annotated[
        CompleteCallback | FailCallback | ProgressCallback, Field(discriminator="kind")
    ]


class TakenView(Model):
    """`cancelled`: nobody wants the job done any more; stop."""

    state: Literal["accepted", "progress"]
    duplicate: bool
    cancelled: bool


def enqueued_view(job: EnqueuedJob) -> EnqueuedView:
    """What is told about a new job."""
    return EnqueuedView(**{name: getattr(job, name) for name in EnqueuedView.model_fields})


def job_view(row: JobRow) -> JobView:
    """What people see of a job."""
    same = set(JobView.model_fields) - {"recurring", "error"}
    error = None
    if row.error_type is not None:
        error = {"type": row.error_type, "message": row.error_message or ""}
    return JobView(
        recurring=row.schedule_key,
        error=error,
        **{name: getattr(row, name) for name in same},
    )


def step_view(row: StepRow) -> StepView:
    """What people see of a step."""
    return StepView(**{name: getattr(row, name) for name in StepView.model_fields})


def job_name_view(job: Job[Any, Any]) -> JobNameView:
    """What people see of a job that may be enqueued."""
    accepted, given = schemas(job)
    return JobNameView(
        name=job.name,
        description=job.description,
        by="worker" if job.transport is None else "host",
        options=job.options,
        input=accepted,
        output=given,
    )


def host_job_view(row: HandlerRow) -> HostJobView:
    """What people see of a host's job."""
    return HostJobView(
        name=row.name,
        definition=HostDefinition.model_validate(row.definition),
        actor=row.actor,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def recurring_view(row: ScheduleRow) -> RecurringView:
    """What lists show of a recurring job."""
    same = set(RecurringView.model_fields) - {"definition", "in_sync"}
    return RecurringView(
        definition=RecurringDefinition.model_validate(row.definition),
        in_sync=row.told_seq == row.seq and row.problem is None,
        **{name: getattr(row, name) for name in same},
    )
