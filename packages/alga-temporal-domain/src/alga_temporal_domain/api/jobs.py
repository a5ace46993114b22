"""Jobs over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from alga_temporal_domain.api.job_views import (
    Callback,
    CancelJob,
    CompleteCallback,
    EnqueuedView,
    FailCallback,
    HostJobsView,
    HostJobView,
    JobNamesView,
    JobView,
    NewJob,
    ResultView,
    StepsView,
    TakenView,
    enqueued_view,
    host_job_view,
    job_name_view,
    job_view,
    step_view,
)
from alga_temporal_domain.api.projects import IdempotencyKey
from alga_temporal_domain.jobs.callbacks import Callbacks, Completed, Failed
from alga_temporal_domain.jobs.catalogue import HostDefinition, JobCatalogue
from alga_temporal_domain.jobs.contracts import Progress
from alga_temporal_domain.jobs.desk import STATES, JobDesk
from alga_temporal_domain.jobs.enqueueing import Enqueueing, JobOrder
from alga_temporal_domain.storage.jobs import JobFilter
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Admin, Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_time_and_id,
    page_of,
)

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{20,100}$")]
Name = Annotated[str, Path(min_length=1, max_length=100)]
State = Annotated[str | None, Query(pattern=f"^({'|'.join(STATES)})$")]
Words = Annotated[str | None, Query(max_length=100)]
Since = Annotated[datetime | None, Query(description="Only jobs enqueued at or after this time.")]


def names_router(catalogue: JobCatalogue, callbacks: Callbacks) -> APIRouter:
    """Which jobs there are, hosts' jobs, and hosts' later answers."""
    routes = APIRouter(tags=["jobs"])

    @routes.get("/jobs/names")
    async def list_names(caller: Reader) -> JobNamesView:
        """The jobs that may be enqueued."""
        return JobNamesView(
            items=[job_name_view(each) for each in await catalogue.all(caller.tenant)]
        )

    @routes.get("/jobs/handlers")
    async def list_hosts(caller: Reader) -> HostJobsView:
        """The jobs that hosts of the tenant perform."""
        return HostJobsView(
            items=[host_job_view(each) for each in await catalogue.hosts(caller.tenant)]
        )

    @routes.put(
        "/jobs/handlers/{name}",
        responses={HTTPStatus.CREATED.value: {"model": HostJobView}},
        openapi_extra=openapi.body(HostDefinition),
    )
    async def put_host(
        name: Name, request: Request, response: Response, caller: Admin
    ) -> HostJobView:
        """Register a host's job: 201, or 200 if it was there. Jobs under way stay as they are."""
        body = await read_model(request, HostDefinition)
        row, created = await catalogue.put_host(caller.tenant, name, body, caller.name)
        if created:
            response.status_code = HTTPStatus.CREATED.value
        return host_job_view(row)

    @routes.delete("/jobs/handlers/{name}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_host(name: Name, caller: Admin) -> None:
        """Take a host's job away; jobs under way stay as they are."""
        await catalogue.remove_host(caller.tenant, name)

    @routes.post(
        "/jobs/callbacks/{token}",
        openapi_extra={**openapi.body(Callback), **openapi.OPEN},
    )
    async def call_back(token: Token, request: Request) -> TakenView:
        """A host's later answer; the token is the key. 409 if the job no longer waits for it."""
        answer = (await read_model(request, Callback)).answer
        if isinstance(answer, CompleteCallback):
            taken = await callbacks.finish(token, Completed(result=answer.result))
        elif isinstance(answer, FailCallback):
            failed = Failed(message=answer.message, type=answer.type, retryable=answer.retryable)
            taken = await callbacks.finish(token, failed)
        else:
            told = Progress(fraction=answer.fraction, message=answer.message)
            taken = await callbacks.progress(token, told)
        return TakenView(state=taken.state, duplicate=taken.duplicate, cancelled=taken.cancelled)

    return routes


def router(enqueueing: Enqueueing, desk: JobDesk) -> APIRouter:
    """Jobs themselves. To be included behind what has fixed names under `/jobs`."""
    routes = APIRouter(tags=["jobs"])
    _add_beginnings(routes, enqueueing)
    _add_looks(routes, desk)
    return routes


def _add_beginnings(routes: APIRouter, enqueueing: Enqueueing) -> None:
    @routes.post(
        "/jobs",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": EnqueuedView}},
        openapi_extra=openapi.body(NewJob),
    )
    async def enqueue(
        request: Request,
        response: Response,
        caller: Operator,
        idempotency_key: IdempotencyKey = None,
    ) -> EnqueuedView:
        """Have a job done: 201, or 200 with the one that this Idempotency-Key has made."""
        body = await read_model(request, NewJob)
        order = JobOrder(
            name=body.name,
            data=body.input,
            delay=None if body.delay is None else timedelta(seconds=body.delay),
            start_at=_start_at(body),
            key=idempotency_key,
            actor=caller.name,
        )
        job = await enqueueing.enqueue(caller.tenant, order)
        if not job.created:
            response.status_code = HTTPStatus.OK.value
        return enqueued_view(job)


def _add_looks(routes: APIRouter, desk: JobDesk) -> None:
    @routes.get("/jobs")
    async def list_jobs(
        caller: Reader,
        state: State = None,
        name: Words = None,
        recurring: Words = None,
        since: Since = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[JobView]:
        """The newest first."""
        if since is not None and since.tzinfo is None:
            raise _no_offset("since")
        wanted = JobFilter(state=state, name=name, schedule_key=recurring, since=since)
        rows = await desk.page(caller.tenant, wanted, decode_time_and_id(after), limit + 1)
        return page_of(rows, limit, job_view, lambda row: (row.created_at, row.id))

    @routes.get("/jobs/{job_id}")
    async def get_job(job_id: UUID, caller: Reader) -> JobView:
        """One job."""
        return job_view(await desk.get(caller.tenant, job_id))

    @routes.get("/jobs/{job_id}/steps")
    async def list_steps(job_id: UUID, caller: Reader) -> StepsView:
        """What has happened to a job."""
        rows = await desk.steps(caller.tenant, job_id)
        return StepsView(items=[step_view(row) for row in rows])

    @routes.get("/jobs/{job_id}/result")
    async def get_result(job_id: UUID, caller: Reader) -> ResultView:
        """What a job has given; 409 if it has not succeeded."""
        result: Any = await desk.result(caller.tenant, job_id)
        return ResultView(result=result)

    @routes.post(
        "/jobs/{job_id}/cancel",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(CancelJob, required=False),
    )
    async def cancel(job_id: UUID, request: Request, caller: Operator) -> JobView:
        """Cancel a job; it ends when its handler has seen that. 409 if it has ended."""
        body = await read_model(request, CancelJob, empty=CancelJob())
        row = await desk.cancel(caller.tenant, job_id, reason=body.reason, actor=caller.name)
        return job_view(row)


def _start_at(body: NewJob) -> datetime | None:
    if body.delay is not None and body.start_at is not None:
        raise InputError("A job has either delay or startAt.", path="/delay", code="BODY_INVALID")
    if body.start_at is None:
        return None
    try:
        at = datetime.fromisoformat(body.start_at)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _no_offset("/startAt")
    return at


def _no_offset(path: str) -> InputError:
    return InputError(
        "A time has a date, a time and an offset, as in 2030-04-22T09:00:00Z.",
        path=path,
        code="TIME_INVALID",
    )
