"""What services that serve HTTP beside PostgreSQL and Temporal are watched and announced by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from temporalio.client import Client

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.health import Check, HealthMonitor
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.supervisor import StateListener
from alga_workflows_core.infra.temporal import describe_namespace

log = structlog.get_logger()


def health_of_servers(
    database: Database,
    client: Client,
    temporal: TemporalSettings,
    metrics: Metrics,
    others: Sequence[Check] = (),
) -> HealthMonitor:
    """Watches the two servers that every request needs, and `others`."""
    return HealthMonitor(
        [
            Check(name="postgresql", probe=database.ping, address=database.address),
            Check(
                name="temporal",
                probe=lambda: describe_namespace(client),
                address=temporal.address,
            ),
            *others,
        ],
        on_change=metrics.dependency,
    )


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
