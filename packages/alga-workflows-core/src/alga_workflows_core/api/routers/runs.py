"""Start runs and look at them."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from alga_workflows_core.api.routers.definitions import DefinitionId
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_numbers,
    decode_time_and_id,
    page_of,
)
from alga_workflows_core.runs.blocked import Blocked, BlockedOnQueue, BlockedOnRetry
from alga_workflows_core.runs.blocked_slot import BlockedOnSlot
from alga_workflows_core.runs.blocked_waits import BlockedOnWait
from alga_workflows_core.runs.launch import LaunchRequest
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import BY_KIND, Model
from alga_workflows_core.types.states import RunStatus, StepStatus

MAX_WAIT_SECONDS = 60
TRIGGER_API = "api"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key starts one run, however often it is sent.",
    ),
]


class StartRun(Model):
    """`version` absent: the active one. `wait`: seconds to wait for the end, at most 60."""

    payload: Json = Field(default_factory=dict[str, Json])
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    wait: Annotated[float | None, Field(ge=0, le=MAX_WAIT_SECONDS)] = None


class StartedView(Model):
    """`result` and `error` are null until the run has ended."""

    run_id: UUID
    status: RunStatus
    result: Json = None
    error: JsonObject | None = None


class RunView(Model):
    """A run; `result` and `error` are null until it has ended. `label` is what `state.set` says.

    `epoch`: how often it was retried. Of a run that another one has started, `parentRunId` is that,
    `rootRunId` the first of them all, and `depth` how many are above it.
    """

    run_id: UUID
    definition_id: str
    version: int
    status: RunStatus
    label: str | None
    trigger_type: str
    execution_key: str
    result: Json
    error: JsonObject | None
    created_at: datetime
    created_by: str
    epoch: int
    started_at: datetime | None
    closed_at: datetime | None
    parent_run_id: UUID | None
    root_run_id: UUID | None
    depth: int


class RunDetailView(RunView):
    """A run with the payload that it was started with, and what holds it up."""

    payload: Json
    blocked_on: list[
        Annotated[BlockedOnQueue | BlockedOnRetry | BlockedOnSlot | BlockedOnWait, BY_KIND]
    ]


class StepView(Model):
    """One execution of one step; `path` holds the ids from the outermost step inwards."""

    path: str
    step_id: str
    type: str
    name: str | None
    status: StepStatus
    output: Json
    error: JsonObject | None
    started_at: datetime
    finished_at: datetime | None


def router(service: RunService, blocked: Blocked) -> APIRouter:
    """Endpoints over `service`; `blocked` tells what holds up a run that is looked at."""
    routes = APIRouter(tags=["runs"])
    _add_starting(routes, service)
    _add_reading(routes, service, blocked)
    return routes


def _add_starting(routes: APIRouter, service: RunService) -> None:
    @routes.post(
        "/definitions/{definition_id}/runs",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": StartedView}},
        openapi_extra=openapi.body(StartRun, required=False),
    )
    async def start_run(
        definition_id: DefinitionId,
        request: Request,
        response: Response,
        caller: Operator,
        idempotency_key: IdempotencyKey = None,
    ) -> StartedView:
        """Start a run: 201 a new one, 200 the one that this Idempotency-Key has started."""
        body = await read_model(request, StartRun, empty=StartRun())
        launched = await service.start(
            LaunchRequest(
                tenant=caller.tenant,
                definition_id=definition_id,
                trigger_type=TRIGGER_API,
                key=idempotency_key or str(uuid4()),
                payload=body.payload,
                version=body.version,
                by=caller.name,
            )
        )
        run = launched.run
        if not launched.created:
            response.status_code = HTTPStatus.OK.value
        if body.wait:
            run = await service.wait(caller.tenant, run.id, body.wait)
        return StartedView(run_id=run.id, status=run.status, result=run.result, error=run.error)


def _add_reading(routes: APIRouter, service: RunService, blocked: Blocked) -> None:
    @routes.get("/runs")
    async def list_runs(
        caller: Reader,
        definition: Annotated[str | None, Query(pattern=DEFINITION_ID)] = None,
        status: Annotated[RunStatus | None, Query()] = None,
        parent: Annotated[UUID | None, Query(description="The run that has started them.")] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[RunView]:
        """The newest first."""
        rows = await service.list(
            caller.tenant,
            after=decode_time_and_id(after),
            limit=limit + 1,
            definition_id=definition,
            status=status,
            parent=parent,
        )
        return page_of(rows, limit, run_view, lambda row: (row.created_at, row.id))

    @routes.get("/runs/{run_id}")
    async def get_run(run_id: UUID, caller: Reader) -> RunDetailView:
        """One run with its payload, and what holds it up."""
        row = await service.get(caller.tenant, run_id)
        told = await service.blocked_on(caller.tenant, row)
        asked = await blocked.on_temporal(row, has_waits=bool(told))
        return RunDetailView(
            **run_view(row).model_dump(), payload=row.payload, blocked_on=[*asked, *told]
        )

    @routes.get("/runs/{run_id}/steps")
    async def list_steps(
        run_id: UUID,
        caller: Reader,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[StepView]:
        """In the order in which they began."""
        rows = await service.steps(
            caller.tenant, run_id, after=decode_numbers(after), limit=limit + 1
        )
        return page_of(rows, limit, _step, lambda row: (row.epoch, row.position))


def run_view(row: RunRow) -> RunView:
    """What people see of a run."""
    names = set(RunView.model_fields) - {"run_id"}
    return RunView(run_id=row.id, **{name: getattr(row, name) for name in names})


def _step(row: StepRow) -> StepView:
    return StepView(**{name: getattr(row, name) for name in StepView.model_fields})
