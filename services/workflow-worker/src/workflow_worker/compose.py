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
from alga_workflows_core.events.accepting import Acceptor
from alga_workflows_core.events.relay import Relay
from alga_workflows_core.events.triggers import TriggerDeliveries
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.health import Check, HealthMonitor
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry, temporal_runtime
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
from alga_workflows_core.runs.reconciler import Reconciler
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
from workflow_worker.ingress import parked_messages, stream_services, webhooks
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
        storage = Storage(database)
        hints = Hints(database, settings.database)
        base = _Base(
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
class _Base:
    """What every part is made of."""

    settings: ServiceSettings
    mode: Mode
    client: Client
    storage: Storage
    registry: Registry
    hints: Hints
    closed: ClosedRuns
    metrics: Metrics
    telemetry: TemporalTelemetry


def _compose(
    base: _Base,
    database: Database,
    *,
    on_ready: Callable[[str], None] | None,
    stopping: asyncio.Event,
) -> Supervisor:
    health = _health(base, database)
    keeping = _keeping(base)
    launcher = Launcher(base.storage)
    routing = _routing(base, launcher, keeping.start)
    app = create_app(
        ApiParts(
            access=_access(base),
            definitions=DefinitionService(storage=base.storage, actions=_actions(base)),
            runs=RunService(
                storage=base.storage,
                launcher=launcher,
                closed=base.closed,
                poke=keeping.start.poke,
                stopping=stopping,
            ),
            decisions=Decisions(base.storage, poke=routing.deliver.poke),
            blocked=Blocked(base.client, after=base.settings.runs.blocked_after),
            actions=_actions(base),
            calendars=CalendarService(storage=base.storage),
            webhooks=webhooks(base.settings, base.storage, base.metrics, routing.accept.poke),
            parked_messages=parked_messages(base.settings, base.storage),
            operations=keeping.operations,
            processes=BoundedProcesses(),
            health=health,
            metrics=base.metrics,
            sdk_metrics=base.telemetry.scrape,
            version=version("alga-workflows-core"),
        )
    )
    http = HttpServer(app, host=base.settings.http.host, port=base.settings.http.port)
    services = [
        health,
        base.hints,
        *base.mode.extra_services,
        _poller(base, _activities(base, routing)),
        *keeping.services,
        *routing.services,
        *stream_services(base.settings, base.storage, base.metrics, routing.accept.poke),
        http,
    ]
    return Supervisor(
        services,
        # Activities get the time that was promised them; the SDK needs a moment more to end.
        stop_timeout=base.settings.process.stop_timeout + 5.0,
        on_state=_announcing(health, http, on_ready),
    )


def _each_second(name: str, work: Callable[[], Awaitable[None]]) -> PeriodicService:
    """Works through a table whenever it is poked, and each second for what nobody poked about."""
    return PeriodicService(name, 1.0, work, backoff=Backoff(longest=2.0))


def _access(base: _Base) -> Access:
    keys = KeyAccess(base.storage)
    open_tenant = base.mode.open_tenant
    return keys if open_tenant is None else DevAccess(keys, tenant=open_tenant)


def _actions(base: _Base) -> ActionCatalogue:
    return ActionCatalogue(storage=base.storage, own=base.registry.specs())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeping:
    """What keeps rows of runs and Temporal in step."""

    start: PeriodicService
    operations: RunOperations
    services: tuple[Service, ...]


def _keeping(base: _Base) -> _Keeping:
    settings = base.settings.reconciler
    storage, metrics = base.storage, base.metrics
    after = timedelta(seconds=settings.after)
    executions = Executions(base.client)
    closer = RunCloser(storage=storage, closed=base.closed, metrics=metrics)
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
    starter = RunStarter(
        storage=storage,
        client=base.client,
        metrics=metrics,
        executions=executions,
        reconciler=reconciler,
        closer=closer,
        task_timeout=base.mode.task_timeout,
    )
    start = _each_second("run-starter", starter.start_due)
    return _Keeping(
        start=start,
        operations=RunOperations(
            storage=storage, executions=executions, reconciler=reconciler, closer=closer
        ),
        services=(
            start,
            PeriodicService("reconciler", settings.poll_interval, reconciler.look),
            # It is some process's turn each interval; this asks whether it is ours.
            PeriodicService("run-sweeper", settings.sweep_interval / 2, sweeper.sweep),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Routing:
    """What takes events to runs, and tells runs what has ended their waits."""

    accept: PeriodicService
    deliver: PeriodicService
    services: tuple[Service, ...]


def _routing(base: _Base, launcher: Launcher, start: PeriodicService) -> _Routing:
    storage = base.storage
    triggers = TriggerDeliveries(storage, launcher.start_for_event, started=start.poke)
    deliverer = Deliverer(storage=storage, client=base.client, elsewhere={"trigger": triggers})
    deliver = _each_second("deliverer", deliverer.deliver_due)
    relay = Relay(
        storage=storage, acceptor=Acceptor(storage), metrics=base.metrics, delivers=deliver.poke
    )
    accept = _each_second("relay", relay.accept_due)
    return _Routing(accept=accept, deliver=deliver, services=(accept, deliver))


def _activities(base: _Base, routing: _Routing) -> Sequence[Callable[..., Awaitable[Any]]]:
    storage, registry = base.storage, base.registry
    runs = RunActivities(
        performer=Performer(
            registry, ledger=Ledger(storage), secrets=base.settings.secrets.provider()
        ),
        rows=RowWriter(storage=storage, closed=base.closed, metrics=base.metrics),
        waits=WaitDesk(storage, {"event": EventWaitRules()}, poke=routing.deliver.poke),
        calendars=StoredCalendars(storage),
    )
    advertising = AdvertisingActivities(storage=storage, own=registry.specs())
    return [*runs.all(), *advertising.all()]


def _poller(base: _Base, activities: Sequence[Callable[..., Awaitable[Any]]]) -> Poller:
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


def _health(base: _Base, database: Database) -> HealthMonitor:
    """Watches the two servers that every request needs."""
    return HealthMonitor(
        [
            Check(name="postgresql", probe=database.ping, address=database.address),
            Check(
                name="temporal",
                probe=lambda: describe_namespace(base.client),
                address=base.settings.temporal.address,
            ),
        ],
        on_change=base.metrics.dependency,
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
