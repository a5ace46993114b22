"""Joins everything: the only place where the service's objects are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import structlog
from temporalio.client import Client

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.contract import Action
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.api.access import Access, DevAccess, KeyAccess
from alga_workflows_core.api.app import ApiParts, create_app
from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.advertising import AdvertisingActivities
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.health import Check, HealthMonitor
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.settings import ProcessSettings
from alga_workflows_core.infra.supervisor import (
    Backoff,
    PeriodicService,
    Service,
    StateListener,
    Supervisor,
)
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.blocked import Blocked
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.deliverer import Deliverer
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.operations import RunOperations
from alga_workflows_core.runs.reconciler import Reconciler, ReconcilerSettings
from alga_workflows_core.runs.reconciler_sweep import RunSweeper
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.runs.starter import TASK_TIMEOUT, RunStarter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.migrate import check_revision
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.client import describe_namespace
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.worker import WorkerOptions, build_worker
from alga_workflows_core.worker.poller import Poller
from workflow_worker.reach import reach_servers
from workflow_worker.settings import ServiceSettings
from workflow_worker.stopping import unless_stopped

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How this process is run. `open_tenant`: whose data this machine sees without a key.

    `extra_actions` are served besides the built-in ones; `worker` and `task_timeout` change how
    runs are driven.
    """

    open_tenant: str | None = None
    extra_services: tuple[Service, ...] = ()
    extra_actions: tuple[Action, ...] = ()
    worker: WorkerOptions = field(default_factory=WorkerOptions)
    task_timeout: timedelta = TASK_TIMEOUT


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
        reaching = reach_servers(settings, database, telemetry.runtime)
        client = await unless_stopped(stop, reaching)
        if client is None:
            return
        await check_revision(database)
        http_client = create_client(settings.egress.policy)
        undo.push_async_callback(http_client.aclose)
        builtin = builtin_actions(http_client, Storage(database))
        registry = Registry([*builtin, *mode.extra_actions])
        supervisor = _compose(
            settings, mode, database, client, telemetry, registry, on_ready=on_ready, stopping=stop
        )
        await supervisor.run(stop)


def _compose(
    settings: ServiceSettings,
    mode: Mode,
    database: Database,
    client: Client,
    telemetry: TemporalTelemetry,
    registry: Registry,
    *,
    on_ready: Callable[[str], None] | None,
    stopping: asyncio.Event,
) -> Supervisor:
    metrics = Metrics()
    storage = Storage(database)
    hints = Hints(database, settings.database)
    closed = ClosedRuns(hints)
    health = _health(settings, database, client, metrics)
    keeping = _keeping(settings.reconciler, storage, client, closed, metrics, mode)
    starter = _each_second("run-starter", keeping.starter.start_due)
    deliverer = _each_second("deliverer", Deliverer(storage=storage, client=client).deliver_due)
    activities = RunActivities(
        performer=Performer(registry, ledger=Ledger(storage), secrets=settings.secrets.provider()),
        rows=RowWriter(storage=storage, closed=closed, metrics=metrics),
        waits=WaitDesk(storage, poke=deliverer.poke),
        calendars=StoredCalendars(storage),
    )
    catalogue = ActionCatalogue(storage=storage, own=registry.specs())
    advertising = AdvertisingActivities(storage=storage, own=registry.specs())
    served = [*activities.all(), *advertising.all()]
    poller = _poller(settings.process, client, registry, served, mode.worker)
    app = create_app(
        ApiParts(
            access=_access(storage, mode),
            definitions=DefinitionService(storage=storage, actions=catalogue),
            runs=RunService(
                storage=storage,
                launcher=Launcher(storage),
                closed=closed,
                poke=starter.poke,
                stopping=stopping,
            ),
            decisions=Decisions(storage, poke=deliverer.poke),
            blocked=Blocked(client, after=settings.runs.blocked_after),
            actions=catalogue,
            calendars=CalendarService(storage=storage),
            operations=keeping.operations,
            processes=BoundedProcesses(),
            health=health,
            metrics=metrics,
            sdk_metrics=telemetry.scrape,
            version=version("alga-workflows-core"),
        )
    )
    http = HttpServer(app, host=settings.http.host, port=settings.http.port)
    return Supervisor(
        [health, hints, *mode.extra_services, poller, starter, deliverer, *keeping.services, http],
        # Activities get the time that was promised them; the SDK needs a moment more to end.
        stop_timeout=settings.process.stop_timeout + 5.0,
        on_state=_announcing(health, http, on_ready),
    )


def _access(storage: Storage, mode: Mode) -> Access:
    keys = KeyAccess(storage)
    return keys if mode.open_tenant is None else DevAccess(keys, tenant=mode.open_tenant)


def _each_second(name: str, work: Callable[[], Awaitable[None]]) -> PeriodicService:
    """Works through a table whenever it is poked, and each second for what nobody poked about."""
    return PeriodicService(name, 1.0, work, backoff=Backoff(longest=2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeping:
    """What keeps rows of runs and Temporal in step."""

    starter: RunStarter
    operations: RunOperations
    services: tuple[Service, ...]


def _keeping(
    settings: ReconcilerSettings,
    storage: Storage,
    client: Client,
    closed: ClosedRuns,
    metrics: Metrics,
    mode: Mode,
) -> _Keeping:
    after = timedelta(seconds=settings.after)
    executions = Executions(client)
    closer = RunCloser(storage=storage, closed=closed, metrics=metrics)
    reconciler = Reconciler(
        storage=storage, executions=executions, closer=closer, metrics=metrics, after=after
    )
    sweeper = RunSweeper(
        storage=storage,
        executions=executions,
        reconciler=reconciler,
        closer=closer,
        metrics=metrics,
        every=timedelta(seconds=settings.sweep_interval),
        after=after,
    )
    return _Keeping(
        starter=RunStarter(
            storage=storage,
            client=client,
            metrics=metrics,
            executions=executions,
            reconciler=reconciler,
            closer=closer,
            task_timeout=mode.task_timeout,
        ),
        operations=RunOperations(
            storage=storage, executions=executions, reconciler=reconciler, closer=closer
        ),
        services=(
            PeriodicService("reconciler", settings.poll_interval, reconciler.look),
            # It is some process's turn each interval; this asks whether it is ours.
            PeriodicService("run-sweeper", settings.sweep_interval / 2, sweeper.sweep),
        ),
    )


def _poller(
    process: ProcessSettings,
    client: Client,
    registry: Registry,
    activities: Sequence[Callable[..., Awaitable[Any]]],
    options: WorkerOptions,
) -> Poller:
    return Poller(
        client,
        lambda: build_worker(
            client,
            registry=registry,
            activities=activities,
            build_id=process.build_id,
            graceful_shutdown=timedelta(seconds=process.stop_timeout),
            options=options,
        ),
        build_id=process.build_id,
    )


def _health(
    settings: ServiceSettings, database: Database, client: Client, metrics: Metrics
) -> HealthMonitor:
    """Watches the two servers that every request needs."""
    return HealthMonitor(
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


def _announcing(
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
