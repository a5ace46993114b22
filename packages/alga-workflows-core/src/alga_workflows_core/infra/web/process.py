"""How the process is: probes for orchestrators, details and metrics for those with a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Reader


def router(
    health: HealthMonitor,
    metrics: Metrics,
    sdk_metrics: Callable[[], Awaitable[bytes]],
    *,
    details_path: str = "/health",
) -> APIRouter:
    """`/livez` and `/readyz` are open and say which part is not well, never why."""
    routes = APIRouter(tags=["process"])

    @routes.get("/livez", openapi_extra=openapi.OPEN)
    async def live() -> Response:
        """200 while the event loop turns."""
        ok = health.snapshot()["live"]
        return JSONResponse({"live": ok}, _status(ok))

    @routes.get("/readyz", openapi_extra=openapi.OPEN)
    async def ready() -> Response:
        """200 while everything that this process needs answers."""
        snapshot = health.snapshot()
        checks = {name: check["ok"] for name, check in snapshot["checks"].items()}
        return JSONResponse(
            {"ready": snapshot["ready"], "checks": checks}, _status(snapshot["ready"])
        )

    @routes.get(details_path)
    async def details(_caller: Reader) -> Response:
        """The same with addresses and errors."""
        snapshot: dict[str, Any] = {**health.snapshot()}
        return JSONResponse(snapshot, _status(snapshot["ready"]))

    @routes.get("/metrics")
    async def read_metrics(_caller: Reader) -> Response:
        """Prometheus: this process and the Temporal SDK in it."""
        content, media_type = metrics.render(await sdk_metrics())
        return Response(content, media_type=media_type)

    return routes


def _status(ok: bool) -> HTTPStatus:
    return HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
