"""The HTTP application: the only list of what is mounted where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from alga_workflows_core.api.routers import (
    actions,
    calendars,
    definitions,
    event_types,
    events,
    operations,
    parked_messages,
    runs,
    schedules,
    schemas,
    simulate,
    tasks,
    waits,
    webhooks,
)
from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.catalogue.event_types import EventTypeService
from alga_workflows_core.events.desk import EventDesk
from alga_workflows_core.events.ingress import Ingress
from alga_workflows_core.events.parked import ParkedMessageService
from alga_workflows_core.events.webhooks import WebhookService
from alga_workflows_core.infra.asgi import ASGIApp, BodyLimit, RequestLog
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.web import openapi, problems, process
from alga_workflows_core.infra.web.access import Access, Reader
from alga_workflows_core.runs.blocked import Blocked
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.operations import RunOperations
from alga_workflows_core.runs.retrying import RunRetries
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.schedules.requests import ScheduleRequests
from alga_workflows_core.schedules.service import ScheduleService
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.service import TaskService

API = "/api/v1"
# A definition may have 512 KiB in canonical form; as people write it, with indents, it has more.
MAX_BODY_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is made of."""

    access: Access
    definitions: DefinitionService
    runs: RunService
    decisions: Decisions
    tasks: TaskService
    task_answers: TaskAnswers
    ingress: Ingress
    events: EventDesk
    event_types: EventTypeService
    operations: RunOperations
    retries: RunRetries
    schedules: ScheduleService
    schedule_requests: ScheduleRequests
    blocked: Blocked
    actions: ActionCatalogue
    calendars: CalendarService
    webhooks: WebhookService
    parked_messages: ParkedMessageService
    processes: BoundedProcesses
    health: HealthMonitor
    metrics: Metrics
    sdk_metrics: Callable[[], Awaitable[bytes]]
    version: str


def create_app(parts: ApiParts) -> ASGIApp:
    """The application with its middleware. Starts and owns nothing."""
    app = FastAPI(
        title="Alga Workflows",
        version=parts.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=openapi.PROBLEMS,
    )
    app.state.access = parts.access
    problems.install(app)
    for router in (
        definitions.router(parts.definitions),
        runs.router(parts.runs, parts.blocked),
        waits.router(parts.decisions),
        tasks.router(parts.tasks, parts.task_answers),
        operations.router(parts.operations, parts.retries),
        events.router(parts.ingress, parts.events),
        schedules.router(parts.schedules, parts.schedule_requests),
        event_types.router(parts.event_types),
        actions.router(parts.actions),
        calendars.router(parts.calendars),
        schemas.router(),
        simulate.router(parts.processes, parts.actions, parts.calendars),
        webhooks.router(parts.webhooks),
        parked_messages.router(parts.parked_messages),
    ):
        app.include_router(router, prefix=API)
    app.include_router(process.router(parts.health, parts.metrics, parts.sdk_metrics))

    @app.get(f"{API}/openapi.json", tags=["process"])
    async def describe(_caller: Reader) -> dict[str, Any]:
        """This API as an OpenAPI document."""
        return openapi.document(app)

    return RequestLog(BodyLimit(app, MAX_BODY_BYTES), metrics=parts.metrics)
