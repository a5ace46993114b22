"""What operators do to runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from alga_workflows_core.api import openapi
from alga_workflows_core.api.access import Operator
from alga_workflows_core.api.body import read_model
from alga_workflows_core.api.routers.runs import RunView, run_view
from alga_workflows_core.definition.model import Model
from alga_workflows_core.runs.operations import RunOperations

MAX_REASON = 500


class Operation(Model):
    """`reason` is for people; of a cancel Temporal keeps it in the run's history."""

    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""


class TerminateRun(Model):
    """`reason` is for people; it is part of the run's error."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


def router(operations: RunOperations) -> APIRouter:
    """Endpoints over `operations`."""
    routes = APIRouter(tags=["runs"])
    _add_ending(routes, operations)
    _add_pausing(routes, operations)
    return routes


def _add_ending(routes: APIRouter, operations: RunOperations) -> None:
    @routes.post(
        "/runs/{run_id}/cancel",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Operation, required=False),
    )
    async def cancel_run(run_id: UUID, request: Request, caller: Operator) -> RunView:
        """Ask a run to end by itself, with its clean-up; 409 if it has ended."""
        body = await read_model(request, Operation, empty=Operation())
        row = await operations.cancel(caller.tenant, run_id, by=caller.name, reason=body.reason)
        return run_view(row)

    @routes.post(
        "/runs/{run_id}/terminate",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(TerminateRun),
    )
    async def terminate_run(run_id: UUID, request: Request, caller: Operator) -> RunView:
        """End a run at once, without any clean-up; 409 if it has ended."""
        body = await read_model(request, TerminateRun)
        row = await operations.terminate(caller.tenant, run_id, by=caller.name, reason=body.reason)
        return run_view(row)


def _add_pausing(routes: APIRouter, operations: RunOperations) -> None:
    @routes.post(
        "/runs/{run_id}/pause",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Operation, required=False),
    )
    async def pause_run(run_id: UUID, request: Request, caller: Operator) -> RunView:
        """Hold a run before its next steps; 409 if it has ended or not begun."""
        body = await read_model(request, Operation, empty=Operation())
        row = await operations.pause(caller.tenant, run_id, by=caller.name, reason=body.reason)
        return run_view(row)

    @routes.post(
        "/runs/{run_id}/resume",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Operation, required=False),
    )
    async def resume_run(run_id: UUID, request: Request, caller: Operator) -> RunView:
        """Let a paused run go on; 409 if it has ended or not begun."""
        body = await read_model(request, Operation, empty=Operation())
        row = await operations.resume(caller.tenant, run_id, by=caller.name, reason=body.reason)
        return run_view(row)
