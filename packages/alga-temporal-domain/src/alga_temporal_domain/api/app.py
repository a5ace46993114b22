"""The HTTP application: the only list of what is mounted where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from alga_temporal_domain.api import (
    documented,
    events,
    jobs,
    outgoing,
    page,
    projects,
    queues,
    recurring_jobs,
    sla,
    tenant_decisions,
    tenants,
    workers,
)
from alga_temporal_domain.jobs.family import JobFamily
from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.projects.catalogue import ProjectCatalogue
from alga_temporal_domain.projects.publishing import Publishing
from alga_temporal_domain.projects.runs import ProjectRuns
from alga_temporal_domain.projects.watching import Watching
from alga_temporal_domain.projects.workers import WorkerDesk
from alga_temporal_domain.queues.desk import QueueDesk
from alga_temporal_domain.sla.desk import SlaDesk
from alga_temporal_domain.tenants.desk import TenantDesk
from alga_temporal_domain.tenants.passwords import PasswordDesk
from alga_workflows_core.infra.asgi import ASGIApp, BodyLimit, RequestLog
from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.web import openapi, problems, process
from alga_workflows_core.infra.web.access import Access, Reader

API = "/v1"
LISTING = "/openapi.json"
# A bundle may have 1 MiB of characters, each of which JSON may write as six bytes.
MAX_BODY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is made of."""

    access: Access
    catalogue: ProjectCatalogue
    publishing: Publishing
    desk: WorkerDesk
    runs: ProjectRuns
    watching: Watching
    jobs: JobFamily
    sla: SlaDesk
    outgoing: OutgoingDesk
    queues: QueueDesk
    deep: process.DeepLook
    tenants: TenantDesk
    passwords: PasswordDesk
    health: HealthMonitor
    metrics: Metrics
    sdk_metrics: Callable[[], Awaitable[bytes]]
    version: str


def create_app(parts: ApiParts) -> ASGIApp:
    """The application with its middleware. Starts and owns nothing."""
    app = FastAPI(
        title="Alga project workers",
        version=parts.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=openapi.PROBLEMS,
    )
    app.state.access = parts.access
    app.state.tenants = parts.tenants
    problems.install(app, listing=LISTING)
    app.include_router(documented.router(parts.desk))
    for router in (
        projects.router(parts.catalogue, parts.publishing),
        workers.router(parts.desk, parts.runs),
        events.router(parts.watching),
        # In this order: an id under `/jobs` may be anything.
        jobs.names_router(parts.jobs.catalogue, parts.jobs.callbacks),
        recurring_jobs.router(parts.jobs.recurring),
        jobs.router(parts.jobs.enqueueing, parts.jobs.desk),
        sla.router(parts.sla),
        outgoing.router(parts.outgoing),
        queues.router(parts.queues),
        tenants.router(parts.tenants, parts.passwords),
        tenant_decisions.router(parts.tenants),
    ):
        app.include_router(router, prefix=API)
    app.include_router(
        process.router(
            parts.health,
            parts.metrics,
            parts.sdk_metrics,
            details_path=f"{API}/health",
            deep=parts.deep,
        )
    )
    app.include_router(page.router(parts.access))

    @app.get(LISTING, tags=["process"])
    async def describe(_caller: Reader) -> dict[str, Any]:
        """This API as an OpenAPI document."""
        return openapi.document(app)

    return RequestLog(BodyLimit(app, MAX_BODY_BYTES), metrics=parts.metrics)
