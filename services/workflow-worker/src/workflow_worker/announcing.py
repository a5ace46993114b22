"""Tell the health monitor how services are, and everybody where the API is."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.supervisor import StateListener

log = structlog.get_logger()


def announcing(
    health: HealthMonitor, http: HttpServer, on_ready: Callable[[str], None] | None
) -> StateListener:
    """Keeps `health` informed, and says where the API is once that, the last service, is up."""
    announced = False

    def listen(name: str, up: bool, error: str | None = None) -> None:
        nonlocal announced
        health.report_service(name, up, error)
        if name == http.name and up and not announced:
            announced = True
            log.info(f"Serving on {http.url}", action="process.ready", url=http.url)
            if on_ready is not None:
                on_ready(http.url)

    return listen
