"""How the process is: probes for orchestrators, details and metrics for those with a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from alga_workflows_core.infra.health import HealthMonitor, HealthSnapshot
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Reader

DeepLook: TypeAlias = Callable[[], Awaitable[dict[str, bool]]]
"""By name, whether something answered just now."""


def router(
    health: HealthMonitor,
    metrics: Metrics,
    sdk_metrics: Callable[[], Awaitable[bytes]],
    *,
    details_path: str = "/health",
    deep: DeepLook | None = None,
) -> APIRouter:
    """`/livez` and `/readyz` are open and say which part is not well, never why.

    `deep`: what `/readyz?deep=1` looks at besides; without it there is no such parameter.
    """
    routes = APIRouter(tags=["process"])
    _add_ready(routes, health, deep)

    @routes.get("/livez", openapi_extra=openapi.OPEN)
    async def live() -> Response:
        """200 while the event loop turns and this process can go on by itself."""
        ok = health.snapshot()["live"]
        return JSONResponse({"live": ok}, _status(ok))

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


def _add_ready(routes: APIRouter, health: HealthMonitor, deep: DeepLook | None) -> None:
    if deep is None:

        @routes.get("/readyz", openapi_extra=openapi.OPEN)
        async def ready() -> Response:
            """200 while everything that this process needs answers."""
            return _ready(health.snapshot(), {})

        return

    @routes.get("/readyz", openapi_extra=openapi.OPEN)
    async def ready_or_deep(
        more: Annotated[
            bool, Query(alias="deep", description="Have each queue answer, which takes a moment.")
        ] = False,
    ) -> Response:
        """200 while everything that this process needs answers."""
        return _ready(health.snapshot(), await deep() if more else {})


def _ready(snapshot: HealthSnapshot, more: dict[str, bool]) -> Response:
    checks = {name: check["ok"] for name, check in snapshot["checks"].items()}
    ok = snapshot["ready"] and all(more.values())
    return JSONResponse({"ready": ok, "checks": {**checks, **more}}, _status(ok))


def _status(ok: bool) -> HTTPStatus:
    return HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
