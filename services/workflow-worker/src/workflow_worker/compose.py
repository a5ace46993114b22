"""Joins everything: the only place where the service's objects are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import structlog

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.api.app import ApiParts, create_app
from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.catalogue.event_types import EventTypeService
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.reach import reach_servers
from alga_workflows_core.infra.serving import announcing, health_of_servers
from alga_workflows_core.infra.stopping import unless_stopped
from alga_workflows_core.infra.supervisor import (
    Supervisor,
)
from alga_workflows_core.infra.web.access import Access, DevAccess, KeyAccess
from alga_workflows_core.runs.blocked import Blocked
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.retrying import RunRetries
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.schedules.service import SchedulesUsing
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.service import TaskService
from alga_workflows_core.temporal.worker import build_worker
from alga_workflows_core.worker.poller import Poller
from workflow_worker.base import Base, Mode
from workflow_worker.ingress import parked_messages, stream_services, webhooks
from workflow_worker.keeping import Keeping, keeping
from workflow_worker.routing import Routing, activities, routing
from workflow_worker.scheduling import ScheduledRuns, Scheduling
from workflow_worker.settings import ServiceSettings

log = structlog.get_logger()


async def serve(
    settings: ServiceSettings,
    *,
    stop: asyncio.Event,
    mode: Mode | None = None,
    on_ready: Callable[[str], None] | None = None,
    telemetry: TemporalTelemetry | None = None,
) -> None:
    """Serve until `stop` is set. `on_ready` gets the URL of the API; `telemetry` is the process's,
    if it has one already.

    UnavailableError (or an ExceptionGroup of two) if PostgreSQL or Temporal cannot be reached
    within the start time-out; ConflictError if the schema is not the expected one.
    """
    mode = mode or Mode()
    async with AsyncExitStack() as undo:
        database = Database(settings.database)
        undo.push_async_callback(database.close)
        telemetry = telemetry or temporal_runtime()
        reaching = reach_servers(
            database,
            settings.temporal,
            telemetry.runtime,
            seconds=settings.process.start_timeout,
        )
        client = await unless_stopped(stop, reaching)
        if client is None:
            return
        await SCHEMA.check_revision(database)
        http_client = create_client(settings.egress.policy)
        undo.push_async_callback(http_client.aclose)
        storage = Storage(database)
        hints = Hints(database, settings.database)
        base = Base(
            settings=settings,
            mode=mode,
            client=client,
            storage=storage,
            registry=Registry([*builtin_actions(http_client, storage), *mode.extra_actions]),
            hints=hints,
            closed=ClosedRuns(hints),
            metrics=Metrics(),
            telemetry=telemetry,
        )
        supervisor = _compose(base, database, on_ready=on_ready, stopping=stop)
        await supervisor.run(stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """All that the process does besides answering requests."""

    launcher: Launcher
    runs: Keeping
    events: Routing
    timing: Scheduling

    @classmethod
    def of(cls, base: Base) -> _Work:
        runs = keeping(base)
        launcher = Launcher(base.storage)
        starts = ScheduledRuns(launcher)
        return cls(
            launcher=launcher,
            runs=runs,
            events=routing(base, launcher, runs),
            timing=Scheduling.of(
                base.settings.schedules, base.storage, base.client, base.metrics, starts
            ),
        )


def _compose(
    base: Base,
    database: Database,
    *,
    on_ready: Callable[[str], None] | None,
    stopping: asyncio.Event,
) -> Supervisor:
    health = health_of_servers(database, base.client, base.settings.temporal, base.metrics)
    work = _Work.of(base)
    app = create_app(_api(base, work, health, stopping))
    http = HttpServer(app, host=base.settings.http.host, port=base.settings.http.port)
    services = [
        health,
        base.hints,
        *base.mode.extra_services,
        _poller(base, [*activities(base, work.launcher), *work.timing.activities.all()]),
        *work.runs.services,
        *work.events.services,
        *work.timing.services,
        *stream_services(base),
        http,
    ]
    return Supervisor(
        services,
        # Activities get the time that was promised them; the SDK needs a moment more to end.
        stop_timeout=base.settings.process.stop_timeout + 5.0,
        on_state=announcing(health, http, on_ready),
    )


def _api(base: Base, work: _Work, health: HealthMonitor, stopping: asyncio.Event) -> ApiParts:
    return ApiParts(
        access=_access(base),
        definitions=DefinitionService(storage=base.storage, actions=_actions(base)),
        runs=RunService(
            storage=base.storage,
            launcher=work.launcher,
            closed=base.closed,
            stopping=stopping,
        ),
        decisions=Decisions(base.storage),
        tasks=TaskService(base.storage),
        task_answers=TaskAnswers(base.storage),
        ingress=work.events.ingress,
        events=work.events.desk,
        event_types=EventTypeService(base.storage),
        blocked=Blocked(base.client, after=base.settings.runs.blocked_after),
        actions=_actions(base),
        calendars=CalendarService(storage=base.storage, users=[SchedulesUsing()]),
        schedules=work.timing.schedules,
        schedule_requests=work.timing.requests,
        webhooks=webhooks(base, work.events.ingress),
        parked_messages=parked_messages(base),
        operations=work.runs.operations,
        retries=RunRetries(base.storage),
        processes=BoundedProcesses(),
        health=health,
        metrics=base.metrics,
        sdk_metrics=base.telemetry.scrape,
        version=version("alga-workflows-core"),
    )


def _access(base: Base) -> Access:
    keys = KeyAccess(base.storage.across, command="workflow-worker keys create")
    open_tenant = base.mode.open_tenant
    return keys if open_tenant is None else DevAccess(keys, tenant=open_tenant)


def _actions(base: Base) -> ActionCatalogue:
    return ActionCatalogue(storage=base.storage, own=base.registry.specs())


def _poller(base: Base, activities: Sequence[Callable[..., Awaitable[Any]]]) -> Poller:
    process = base.settings.process
    return Poller(
        base.client,
        lambda: build_worker(
            base.client,
            registry=base.registry,
            activities=activities,
            build_id=process.build_id,
            graceful_shutdown=timedelta(seconds=process.stop_timeout),
            options=base.mode.worker,
        ),
        build_id=process.build_id,
    )
