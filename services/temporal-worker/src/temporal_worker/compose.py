"""Joins everything: the only place where the service's objects are made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

import httpx
import structlog

from alga_temporal_domain.api.app import ApiParts, create_app
from alga_temporal_domain.projects.catalogue import ProjectCatalogue
from alga_temporal_domain.projects.code_judge import CodeJudge
from alga_temporal_domain.projects.collecting import Collector
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.publishing import Publishing
from alga_temporal_domain.projects.runs import ProjectRuns
from alga_temporal_domain.projects.watching import CHANNEL, Watching
from alga_temporal_domain.projects.workers import WorkerDesk
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.reach import reach_servers
from alga_workflows_core.infra.serving import announcing, health_of_servers
from alga_workflows_core.infra.stopping import unless_stopped
from alga_workflows_core.infra.supervisor import (
    Backoff,
    PeriodicService,
    Supervisor,
)
from alga_workflows_core.infra.web.access import Access, DevAccess, KeyAccess
from temporal_worker.base import Mode, Parts
from temporal_worker.settings import ServiceSettings, replaced
from temporal_worker.sla import sla_parts
from temporal_worker.supervision import project_supervision

log = structlog.get_logger()

COLLECT_SECONDS = 5.0


async def serve(
    settings: ServiceSettings,
    *,
    stop: asyncio.Event,
    mode: Mode | None = None,
    on_ready: Callable[[str], None] | None = None,
    telemetry: TemporalTelemetry | None = None,
) -> None:
    """Serve until `stop` is set. `on_ready` gets the URL; `telemetry` is the process's, if it has
    one already.

    UnavailableError (or an ExceptionGroup of two) if PostgreSQL or Temporal cannot be reached
    within the start time-out; ConflictError if the schema is not the expected one.
    """
    _say_what_is_not_read()
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
        guarded_http = create_client(settings.egress.policy)
        undo.push_async_callback(guarded_http.aclose)
        http = await undo.enter_async_context(httpx.AsyncClient(trust_env=False))
        parts = Parts(
            settings=settings,
            mode=mode or Mode(),
            client=client,
            database=database,
            storage=DomainStorage(database),
            hints=Hints(database, settings.database),
            guarded_http=guarded_http,
            http=http,
            launcher=Launcher(first_uid=settings.isolation.first_uid),
            metrics=Metrics(),
            telemetry=telemetry,
        )
        await _compose(parts, on_ready=on_ready, stopping=stop).run(stop)


def _compose(
    parts: Parts, *, on_ready: Callable[[str], None] | None, stopping: asyncio.Event
) -> Supervisor:
    settings = parts.settings
    health = health_of_servers(parts.database, parts.client, parts.settings.temporal, parts.metrics)
    judge = CodeJudge(parts.launcher)
    limits = settings.limits.limits
    publishing = Publishing(storage=parts.storage, reads=judge, judges=judge, limits=limits)
    collector = Collector(storage=parts.storage, publishing=publishing, reads=judge, limits=limits)
    collect = PeriodicService(
        "code-collector", COLLECT_SECONDS, collector.collect_due, backoff=Backoff(longest=5.0)
    )
    parts.hints.listen(CHANNEL, lambda payload: collect.poke() if payload == "code" else None)
    sla = sla_parts(parts)
    app = create_app(
        ApiParts(
            access=_access(parts),
            catalogue=ProjectCatalogue(parts.storage),
            publishing=publishing,
            desk=WorkerDesk(storage=parts.storage, collector=collector),
            runs=ProjectRuns(
                storage=parts.storage,
                publishing=publishing,
                client=parts.client,
                address=settings.temporal.address,
            ),
            watching=Watching(storage=parts.storage, hints=parts.hints, stopping=stopping),
            sla=sla.desk,
            outgoing=sla.outgoing,
            health=health,
            metrics=parts.metrics,
            sdk_metrics=parts.telemetry.scrape,
            version=version("alga-temporal-domain"),
        )
    )
    http = HttpServer(
        app,
        host=settings.http.host,
        port=settings.http.port,
        port_setting="WORKER_SERVICE_PORT",
    )
    workers = project_supervision(parts)
    return Supervisor(
        [health, parts.launcher, parts.hints, *workers.services, collect, *sla.services, http],
        # Activities get the time that was promised them; their processes need a moment more.
        stop_timeout=settings.process.stop_timeout + 5.0,
        on_state=announcing(health, http, on_ready),
    )


def _access(parts: Parts) -> Access:
    keys = KeyAccess(parts.storage, command="temporal-worker keys create")
    open_tenant = parts.mode.open_tenant
    return keys if open_tenant is None else DevAccess(keys, tenant=open_tenant)


def _say_what_is_not_read() -> None:
    for name in replaced(os.environ):
        log.warning(
            f"{name} is set and is not read; DATABASE_URL says where the database is.",
            action="settings.unread",
            variable=name,
        )
