"""What runs wait for, and how people end it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field

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
from alga_workflows_core.runs.decisions import Decision, Decisions
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.states import WaitStatus

StepPath = Annotated[
    str, Path(max_length=4096, description="The step's path, with loop indices: `each[2]/charge`.")
]


class WaitView(Model):
    """Something that a run waits for, or has waited for. `resolution` is what ended it."""

    wait_id: UUID
    run_id: UUID
    path: str
    kind: str
    status: WaitStatus
    due_at: datetime | None
    detail: Json
    resolution: JsonObject | None
    resolved_by: str | None
    opened_at: datetime
    closed_at: datetime | None


class DecideStep(Model):
    """What becomes of a parked step. `value` is its output if it is skipped."""

    do: Literal["retry", "skip", "fail"]
    value: Json = None


class EndWait(Model):
    """What came, for a wait for something that comes with data."""

    value: Annotated[Json, Field(description="The payload of what the wait waits for.")] = None


def router(decisions: Decisions) -> APIRouter:
    """Endpoints over `decisions`."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/runs/{run_id}/waits")
    async def list_waits(
        run_id: UUID, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[WaitView]:
        """In the order in which they were opened."""
        rows = await decisions.list(
            caller.tenant, run_id, after=decode_time_and_id(after), limit=limit + 1
        )
        return page_of(rows, limit, _view, lambda row: (row.opened_at, row.id))

    @routes.post(
        "/runs/{run_id}/steps/{path:path}/resolve",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(DecideStep),
    )
    async def decide(run_id: UUID, path: StepPath, request: Request, caller: Operator) -> WaitView:
        """Say what becomes of a parked step: try it again, skip it with a value, or let it fail."""
        body = await read_model(request, DecideStep)
        decision = Decision(path=path, do=body.do, value=body.value, by=caller.name)
        return _view(await decisions.decide(caller.tenant, run_id, decision))

    @routes.post(
        "/waits/{wait_id}/resolve",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(EndWait, required=False),
    )
    async def end(wait_id: UUID, request: Request, caller: Operator) -> WaitView:
        """End a wait as if what it waits for had come."""
        body = await read_model(request, EndWait, empty=EndWait())
        return _view(await decisions.end(caller.tenant, wait_id, body.value, caller.name))

    return routes


def _view(row: WaitRow) -> WaitView:
    names = set(WaitView.model_fields) - {"wait_id"}
    return WaitView(wait_id=row.id, **{name: getattr(row, name) for name in names})
