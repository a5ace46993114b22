"""Joins everything: the only place where the service's objects are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TypeVar

import structlog
from temporalio.client import Client

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.api.access import Access, DevAccess, KeyAccess
from alga_workflows_core.api.app import ApiParts, create_app
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.health import Check, HealthMonitor
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service, Supervisor
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.runs.starter import RunStarter
from alga_workflows_core.storage.migrate import check_revision
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.client import connect, describe_namespace
from alga_workflows_core.temporal.worker import build_worker
from alga_workflows_core.worker.poller import Poller
from workflow_worker.settings import ServiceSettings

log = structlog.get_logger()

T = TypeVar("T")

START_POLL_SECONDS = 1.0
ATTEMPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How this process is run. `open_tenant`: whose data this machine sees without a key."""

    open_tenant: str | None = None
    extra_services: tuple[Service, ...] = ()


async def serve(
    settings: ServiceSettings,
    *,
    stop: asyncio.Event,
    mode: Mode | None = None,
    on_ready: Callable[[str], None] | None = None,
    telemetry: TemporalTelemetry | None = None,
) -> None:
    """Serve until `stop` is set. `on_ready` gets the URL of the API. `telemetry` is the process's, if it has one.

    UnavailableError (or an ExceptionGroup of two) if PostgreSQL or Temporal cannot be reached
    within the start time-out; ConflictError if the schema is not the expected one.
    """
    mode = mode or Mode()
    async with AsyncExitStack() as undo:
        database = Database(settings.database)
        undo.push_async_callback(database.close)
        telemetry = telemetry or temporal_runtime()
        client = await _reach_servers(settings, database, telemetry)
        await check_revision(database)
        http_client = create_client(settings.egress.policy)
        undo.push_async_callback(http_client.aclose)
        registry = Registry(builtin_actions(http_client))
        supervisor = _compose(settings, mode, database, client, telemetry, registry, on_ready)
        await supervisor.run(stop)


def _compose(
    settings: ServiceSettings,
    mode: Mode,
    database: Database,
    client: Client,
    telemetry: TemporalTelemetry,
    registry: Registry,
    on_ready: Callable[[str], None] | None,
) -> Supervisor:
    metrics = Metrics()
    storage = Storage(database)
    closed = ClosedRuns(database, settings.database)
    health = HealthMonitor(
        [
            Check(name="postgresql", probe=database.ping, address=database.address),
            Check(
                name="temporal",
                probe=lambda: describe_namespace(client),
                address=settings.temporal.address,
            ),
        ],
        on_change=metrics.dependency,
    )
    run_starter = RunStarter(storage=storage, client=client, metrics=metrics)
    starter = PeriodicService(
        "run-starter", 1.0, run_starter.start_due, backoff=Backoff(longest=2.0)
    )
    activities = RunActivities(
        storage=storage, performer=Performer(registry), closed=closed, metrics=metrics
    )
    poller = Poller(
        client,
        lambda: build_worker(
            client,
            registry=registry,
            activities=activities.all(),
            build_id=settings.process.build_id,
            graceful_shutdown=timedelta(seconds=settings.process.stop_timeout),
        ),
        build_id=settings.process.build_id,
    )
    keys = KeyAccess(storage)
    access: Access = keys if mode.open_tenant is None else DevAccess(keys, tenant=mode.open_tenant)
    app = create_app(
        ApiParts(
            access=access,
            definitions=DefinitionService(storage=storage, actions=registry.specs()),
            runs=RunService(
                storage=storage, launcher=Launcher(storage), closed=closed, poke=starter.poke
            ),
            actions=registry.specs(),
            health=health,
            metrics=metrics,
            sdk_metrics=telemetry.scrape,
            version=version("alga-workflows-core"),
        )
    )
    http = HttpServer(app, host=settings.http.host, port=settings.http.port)
    announce = _Announce(http, on_ready)
    return Supervisor(
        [health, closed, poller, starter, *mode.extra_services, http, announce],
        # Activities get the time that was promised them; the SDK needs a moment more to end.
        stop_timeout=settings.process.stop_timeout + 5.0,
        on_state=health.report_service,
    )


class _Announce:
    """Says where the API is, once everything before it is ready."""

    name = "announce"

    def __init__(self, http: HttpServer, on_ready: Callable[[str], None] | None) -> None:
        self._http = http
        self._on_ready = on_ready
        self._stopping = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        log.info(f"Serving on {self._http.url}", action="process.ready", url=self._http.url)
        ready()
        if self._on_ready is not None:
            self._on_ready(self._http.url)
        await self._stopping.wait()

    async def stop(self) -> None:
        self._stopping.set()


async def _reach_servers(
    settings: ServiceSettings, database: Database, telemetry: TemporalTelemetry
) -> Client:
    """A client, once both servers answer; all that do not are named in one error."""
    seconds = settings.process.start_timeout
    reached = await asyncio.gather(
        _reach(database.ping, seconds),
        _reach(
            lambda timeout: connect(settings.temporal, runtime=telemetry.runtime, timeout=timeout),
            seconds,
        ),
        return_exceptions=True,
    )
    failures = [result for result in reached if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, UnavailableError):
            raise failure
    if len(failures) > 1:
        raise BaseExceptionGroup("PostgreSQL and Temporal cannot be reached", failures)
    if failures:
        raise failures[0]
    return reached[1]  # pyright: ignore[reportReturnType] - the second of two successes


async def _reach(attempt: Callable[[float], Awaitable[T]], seconds: float) -> T:
    """`attempt` until it succeeds, or its last UnavailableError after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await attempt(min(ATTEMPT_SECONDS, deadline - loop.time()))
        except UnavailableError as error:
            if loop.time() + START_POLL_SECONDS >= deadline:
                raise
            log.warning(f"{error} Trying again.", action="dependency.awaited")
        await asyncio.sleep(START_POLL_SECONDS)
