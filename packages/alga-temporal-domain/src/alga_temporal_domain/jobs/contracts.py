"""What travels through Temporal: a job's order, its options, what becomes of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from alga_temporal_domain.jobs.names import JOB_NAME
from alga_workflows_core.types.identifiers import TENANT
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model, Prose

MOST_SECONDS = 30 * 24 * 3600
"""The longest time-out of an attempt."""

INLINE_RESULT_BYTES = 64 * 1024
"""A result of more, as JSON in UTF-8, is kept in a row, not in Temporal's history."""

MOST_RESULT_BYTES = 16 * 1024 * 1024
"""No result may be larger."""

JobName = Annotated[str, Field(pattern=JOB_NAME)]
Tenant = Annotated[str, Field(pattern=TENANT)]
Seconds = Annotated[float, Field(gt=0, le=MOST_SECONDS)]


class RetryOptions(Model):
    """Attempts in all, and seconds between them. `never_on`: types of errors that end the job."""

    attempts: Annotated[int, Field(ge=1, le=1000)] = 3
    first: Seconds = 1.0
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    longest: Seconds = 30.0
    never_on: tuple[Annotated[Line, Field(min_length=1, max_length=200)], ...] = ()


class ConcurrencyOptions(Model):
    """At most `limit` jobs of the tenant with this key at a time."""

    key: Annotated[Line, Field(min_length=1, max_length=300)]
    limit: Annotated[int, Field(ge=1, le=1000)] = 1


class JobOptions(Model):
    """How a job is carried out, as it was when it was enqueued. `timeout`: seconds of an attempt;
    `heartbeat`: after how many seconds without a sign of life it counts as lost."""

    timeout: Seconds = 600.0
    heartbeat: Seconds | None = 15.0
    retry: RetryOptions = RetryOptions()
    concurrency: ConcurrencyOptions | None = None


class HttpTransport(Model):
    """A handler at a host. `secret` names the secret that signs; it is not the secret.

    `secret_tenant`: whose secret it is; None: that of the job's tenant.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s#]+$", max_length=2000)]
    secret: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")]
    secret_tenant: Tenant | None = None
    request_timeout: Annotated[float, Field(gt=0, le=600)] = 30.0


class JobInput(Model):
    """The input of `genericJobWorkflow`. `job_id` None: a schedule has started it.

    `transport` None: a handler in the worker.
    """

    job_id: str | None
    job_name: JobName
    tenant_id: Tenant
    data: Json = None
    options: JobOptions = JobOptions()
    transport: HttpTransport | None = None
    schedule_key: str | None = None
    actor: str | None = None


class JobCall(Model):
    """The input of the activity that has a job's name."""

    job_id: str
    tenant_id: str
    data: Json
    timeout: float
    transport: HttpTransport | None = None
    schedule_key: str | None = None
    actor: str | None = None


class JobOutcome(Model):
    """What the activity answers. `stored`: the result is in a row. `skipped`: why not performed."""

    result: Json = None
    stored: bool = False
    skipped: str | None = None


class JobResult(Model):
    """The result of `genericJobWorkflow`; a job that failed has none, its run has failed."""

    success: Literal[True] = True
    job_id: str
    result: Json = None
    stored: bool = False
    skipped: str | None = None
    completed_at: datetime


class JobStep(StrEnum):
    """Where a job stands inside its workflow."""

    INITIALIZING = "initializing"
    WAITING = "waiting"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobState(Model):
    """The answer of the query `getJobState`."""

    step: JobStep
    error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Progress(Model):
    """How far an attempt has come, from 0 to 1; these are the details of its heartbeats."""

    fraction: Annotated[float, Field(ge=0, le=1)]
    message: Annotated[Prose, Field(max_length=2000)] | None = None


class Holder(Model):
    """A job's run that has a slot, or waits for one."""

    workflow_id: str
    run_id: str


class SlotRequest(Model):
    """The input of `askForJobSlot`, and of the signal that follows from it."""

    limiter_id: str
    holder: Holder
    limit: int


class LimiterState(Model):
    """What a limiter starts with. `check_seconds`: how often it looks whether holders are closed;
    `linger_seconds`: how long it stays without any; `most_signals`: how many it takes before it
    continues as new."""

    limit: int = 1
    holders: tuple[Holder, ...] = ()
    waiting: tuple[Holder, ...] = ()
    check_seconds: float = 30.0
    linger_seconds: float = 60.0
    most_signals: int = 1000
