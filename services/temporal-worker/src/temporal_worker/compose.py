"""Joins everything: the only place where the service's objects are made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog

from alga_temporal_domain.api.app import ApiParts, create_app
from alga_temporal_domain.projects.catalogue import ProjectCatalogue
from alga_temporal_domain.projects.runs import ProjectRuns
from alga_temporal_domain.projects.watching import Watching
from alga_temporal_domain.projects.workers import WorkerDesk
from alga_temporal_domain.queues.capabilities import check_capabilities
from alga_temporal_domain.storage.schema import SCHEMA
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.reach import reach_servers
from alga_workflows_core.infra.serving import announcing, health_of_servers
from alga_workflows_core.infra.stopping import unless_stopped
from alga_workflows_core.infra.supervisor import Supervisor
from alga_workflows_core.infra.web.access import Access, DevAccess, KeyAccess
from temporal_worker.base import Mode, Parts
from temporal_worker.environment import REPLACED, replaced
from temporal_worker.families import families
from temporal_worker.opening import opened_parts
from temporal_worker.queues import domain_queues
from temporal_worker.settings import ServiceSettings
from temporal_worker.supervision import domain_projects

log = structlog.get_logger()


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
    within the start time-out; ConflictError if the schema is not the expected one, or Temporal
    cannot do what the queues need.
    """
    _say_what_is_not_read()
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
        await check_capabilities(client, encrypted=settings.payloads.key_id is not None)
        parts = await undo.enter_async_context(
            opened_parts(settings, mode, client, database, telemetry)
        )
        await _compose(parts, on_ready=on_ready, stopping=stop).run(stop)


def _compose(
    parts: Parts, *, on_ready: Callable[[str], None] | None, stopping: asyncio.Event
) -> Supervisor:
    settings = parts.settings
    served = families(parts)
    queues = domain_queues(parts, served, stopping=stopping)
    health = health_of_servers(
        parts.database, parts.client, settings.temporal, parts.metrics, queues.checks
    )
    projects = domain_projects(parts)
    app = create_app(
        ApiParts(
            access=_access(parts),
            catalogue=ProjectCatalogue(parts.storage),
            publishing=projects.publishing,
            desk=WorkerDesk(storage=parts.storage, collector=projects.collector),
            runs=ProjectRuns(
                storage=parts.storage,
                publishing=projects.publishing,
                client=parts.client,
                address=settings.temporal.address,
            ),
            watching=Watching(storage=parts.storage, hints=parts.hints, stopping=stopping),
            jobs=served.jobs,
            sla=served.sla,
            outgoing=served.outgoing,
            queues=queues.desk,
            deep=queues.deep.look,
            tenants=served.tenants.desk,
            passwords=served.tenants.passwords,
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
    services = [
        *queues.services,
        health,
        parts.launcher,
        parts.hints,
        *projects.services,
        *served.services,
        http,
    ]
    return Supervisor(
        services,
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
            f"{name} is set and is not read; {REPLACED[name]}.",
            action="settings.unread",
            variable=name,
        )
