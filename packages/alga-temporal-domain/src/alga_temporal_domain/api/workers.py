"""The workers of projects over HTTP, and runs of their workflows."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from alga_temporal_domain.api.projects import IdempotencyKey
from alga_temporal_domain.api.views import RunView, StartRun, WorkerWish
from alga_temporal_domain.api.worker_views import (
    InstanceView,
    LinesView,
    StatisticsView,
    WorkerView,
    activity_view,
    instance_view,
    line_view,
    worker_view,
)
from alga_temporal_domain.projects.bundles import TEMPORAL_NAME
from alga_temporal_domain.projects.runs import ProjectRuns, StartOrder
from alga_temporal_domain.projects.workers import RUNNING, STOPPED, WorkerDesk
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_time_and_id,
    page_of,
)

AfterLine = Annotated[
    int | None,
    Query(ge=0, le=2**63 - 1, description="`next` of the lines before; absent: the newest."),
]


def router(desk: WorkerDesk, runs: ProjectRuns) -> APIRouter:
    """Endpoints over both."""
    routes = APIRouter(tags=["workers"])
    _add_wishes(routes, desk)
    _add_looks(routes, desk)
    _add_runs(routes, runs)
    return routes


def _add_wishes(routes: APIRouter, desk: WorkerDesk) -> None:
    @routes.put(
        "/projects/{project_id}/worker",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(WorkerWish),
    )
    async def wish(project_id: UUID, request: Request, caller: Operator) -> WorkerView:
        """Have the project's workers run, or not; it happens behind this answer."""
        body = await read_model(request, WorkerWish)
        desired = RUNNING if body.desired == "running" else STOPPED
        return worker_view(await desk.wish(caller.tenant, project_id, desired))

    @routes.post("/projects/{project_id}/worker/restart", status_code=HTTPStatus.ACCEPTED)
    async def restart(project_id: UUID, caller: Operator) -> WorkerView:
        """Have other processes in place of the project's; it happens behind this answer."""
        return worker_view(await desk.wish(caller.tenant, project_id, RUNNING, restart=True))


def _add_looks(routes: APIRouter, desk: WorkerDesk) -> None:
    @routes.get("/projects/{project_id}/worker")
    async def get_worker(project_id: UUID, caller: Reader) -> WorkerView:
        """What is wanted, and what there is."""
        return worker_view(await desk.state(caller.tenant, project_id))

    @routes.get("/projects/{project_id}/instances")
    async def list_instances(
        project_id: UUID, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[InstanceView]:
        """Processes that are or were, the newest first."""
        key = decode_time_and_id(after)
        rows = await desk.instances(caller.tenant, project_id, key, limit + 1)
        return page_of(rows, limit, instance_view, lambda row: (row.created_at, row.id))

    @routes.get("/projects/{project_id}/statistics")
    async def statistics(project_id: UUID, caller: Reader) -> StatisticsView:
        """How the project's activities have done."""
        rows = await desk.statistics(caller.tenant, project_id)
        return StatisticsView(items=[activity_view(row) for row in rows])

    @routes.get("/projects/{project_id}/logs")
    async def logs(
        project_id: UUID, caller: Reader, after: AfterLine = None, limit: Limit = DEFAULT_LIMIT
    ) -> LinesView:
        """What the project's processes have written, in its order."""
        rows = await desk.lines(caller.tenant, project_id, after, limit)
        last = rows[-1].id if rows else after or 0
        return LinesView(items=[line_view(row) for row in rows], next=last)


def _add_runs(routes: APIRouter, runs: ProjectRuns) -> None:
    @routes.post(
        "/projects/{project_id}/workflows/{name}/runs",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": RunView}},
        openapi_extra=openapi.body(StartRun, required=False),
    )
    async def start_run(
        project_id: UUID,
        name: Annotated[str, Path(pattern=TEMPORAL_NAME)],
        request: Request,
        response: Response,
        caller: Operator,
        idempotency_key: IdempotencyKey = None,
    ) -> RunView:
        """Start a run: 201 a new one, 200 the one that has this id or Idempotency-Key."""
        body = await read_model(request, StartRun, empty=StartRun())
        order = StartOrder(
            workflow=name,
            arguments=(body.input,) if "input" in body.model_fields_set else (),
            id=body.id or idempotency_key,
            wait=body.wait or 0,
        )
        started = await runs.start(caller.tenant, project_id, order)
        if not started.created:
            response.status_code = HTTPStatus.OK.value
        return RunView(
            workflow_id=started.workflow_id,
            run_id=started.run_id,
            status=started.status,
            result=started.result,
            error=started.error,
        )
