"""The routes of the project workers' document, with its bodies and codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from alga_temporal_domain.projects.workers import WorkerDesk
from alga_workflows_core.errors import AlgaError, InputError, NotFoundError
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.body import read_json

log = structlog.get_logger()

SERVICE = "temporal-worker-service"
RELOADED = "New executions run the activated code at once; running ones finish on theirs"


def router(desk: WorkerDesk) -> APIRouter:
    """Endpoints over `desk`; each answers when what was asked for has happened."""
    routes = APIRouter(tags=["document"])
    _add_health(routes)
    _add_wishes(routes, desk)
    _add_looks(routes, desk)
    _add_reload(routes, desk)
    return routes


def _add_health(routes: APIRouter) -> None:
    @routes.get("/health", openapi_extra=openapi.OPEN)
    async def health() -> dict[str, str]:
        """Always this; `/readyz` says whether the servers behind it answer."""
        return {"status": "ok", "service": SERVICE}


def _add_wishes(routes: APIRouter, desk: WorkerDesk) -> None:
    @routes.post("/workers/start", openapi_extra=openapi.ANY_JSON)
    async def start(request: Request, caller: Operator) -> Response:
        """Start the project's worker, and answer when it takes work."""
        return await _asked(request, "started", lambda asked: desk.start(caller.tenant, asked))

    @routes.post("/workers/stop", openapi_extra=openapi.ANY_JSON)
    async def stop(request: Request, caller: Operator) -> Response:
        """Stop the project's worker, and answer when it has ended; also when nothing ran."""

        async def stopped(project_id: UUID) -> None:
            try:
                await desk.stop(caller.tenant, project_id)
            except NotFoundError:
                return

        return await _asked(request, "stopped", stopped)

    @routes.post("/workers/restart", openapi_extra=openapi.ANY_JSON)
    async def restart(request: Request, caller: Operator) -> Response:
        """Have another worker in place of the project's, and answer when it takes work."""
        return await _asked(
            request, "restarted", lambda asked: desk.start(caller.tenant, asked, restart=True)
        )


def _add_looks(routes: APIRouter, desk: WorkerDesk) -> None:
    @routes.get("/workers/status/{project_id}")
    async def status(project_id: str, caller: Reader) -> Response:
        """Whether a worker of the project takes work; of an unknown project none does."""
        try:
            known = _project_id(project_id)
            running = (await desk.state(caller.tenant, known)).is_running
        except NotFoundError:
            running = False
        except AlgaError as error:
            return _failed({"error": str(error)})
        word = "running" if running else "stopped"
        return JSONResponse({"projectId": project_id, "status": word, "isRunning": running})

    @routes.get("/workers")
    async def workers(caller: Reader) -> Response:
        """The projects with a worker that takes work."""
        try:
            running = [str(project_id) for project_id in await desk.running(caller.tenant)]
        except AlgaError as error:
            return _failed({"error": str(error)})
        return JSONResponse({"workers": running, "count": len(running)})


def _add_reload(routes: APIRouter, desk: WorkerDesk) -> None:
    @routes.post("/workflows/reload", openapi_extra=openapi.ANY_JSON)
    async def reload(request: Request, caller: Operator) -> Response:
        """Make a bundle of the workflow's project anew, and activate it."""
        asked = await _field(request, "workflowId")
        if isinstance(asked, Response):
            return asked
        try:
            project_id = await desk.reload(caller.tenant, _identity("workflow", asked))
            if project_id is None:
                raise _unknown("workflow", asked)
        except AlgaError as error:
            return _failed({"success": False, "error": str(error)})
        return JSONResponse(
            {
                "success": True,
                "workflowId": asked,
                "message": "Worker will reload workflow on next execution",
                "note": RELOADED,
            }
        )


async def _asked(request: Request, done: str, work: Callable[[UUID], Awaitable[None]]) -> Response:
    asked = await _field(request, "projectId")
    if isinstance(asked, Response):
        return asked
    try:
        try:
            project_id = _project_id(asked)
        except NotFoundError:
            if done != "stopped":
                raise
        else:
            await work(project_id)
    except AlgaError as error:
        log.warning(
            f"A worker was not {done}: {error}", action="worker.refused", project=asked[:200]
        )
        return _failed({"success": False, "error": str(error)})
    return JSONResponse({"success": True, "message": f"Worker {done} for project {asked}"})


async def _field(request: Request, name: str) -> str | Response:
    """The text under `name` in the body, or the answer that it is missing."""
    missing: dict[str, Any] = {"error": f"{name} is required"}
    if name == "workflowId":
        missing = {"success": False, **missing}
    try:
        body = await read_json(request)
    except InputError as error:
        return JSONResponse({**missing, "error": str(error)}, HTTPStatus.BAD_REQUEST)
    value = cast("dict[str, Any]", body).get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value.strip():
        return JSONResponse(missing, HTTPStatus.BAD_REQUEST)
    return value


def _project_id(text: str) -> UUID:
    return _identity("project", text)


def _identity(kind: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise _unknown(kind, text) from error


def _unknown(kind: str, text: str) -> NotFoundError:
    return NotFoundError(f"There is no {kind} {text[:200]!r}.")


def _failed(body: dict[str, Any]) -> Response:
    return JSONResponse(body, HTTPStatus.INTERNAL_SERVER_ERROR)
