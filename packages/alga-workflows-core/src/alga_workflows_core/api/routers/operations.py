"""What operators do to runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from alga_workflows_core.api.routers.runs import RunView, run_view
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.runs.operations import RunOperations
from alga_workflows_core.runs.retrying import RunRetries
from alga_workflows_core.types.model import Model

MAX_REASON = 500


class Operation(Model):
    """`reason` is for people; of a cancel Temporal keeps it in the run's history."""

    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""


class TerminateRun(Model):
    """`reason` is for people; it is part of the run's error."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class RetryRun(Model):
    """`version` absent: that of the run. `epoch`: only if the run is still in this one, so that the
    request may be sent again. `reason` is for people.
    """

    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    epoch: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None


def router(operations: RunOperations, retries: RunRetries) -> APIRouter:
    """Endpoints over `operations` and `retries`."""
    routes = APIRouter(tags=["runs"])
    _add_retrying(routes, retries)
    _add_ending(routes, operations)
    _add_pausing(routes, operations)
    return routes


def _add_retrying(routes: APIRouter, retries: RunRetries) -> None:
    @routes.post(
        "/runs/{run_id}/retry",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(RetryRun, required=False),
    )
    async def retry_run(run_id: UUID, request: Request, caller: Operator) -> RunView:
        """Have a run that failed go on at the step that failed; 409 if it cannot."""
        body = await read_model(request, RetryRun, empty=RetryRun())
        row = await retries.retry(
            caller.tenant,
            run_id,
            by=caller.name,
            reason=body.reason,
            version=body.version,
            epoch=body.epoch,
        )
        return run_view(row)


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
