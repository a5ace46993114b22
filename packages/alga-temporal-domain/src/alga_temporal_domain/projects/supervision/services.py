"""All of supervision as services of one process, in the order in which they start."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from alga_temporal_domain.projects.calling import Broker
from alga_temporal_domain.projects.moving import Replayer, RunMover
from alga_temporal_domain.projects.process.order import TemporalTarget
from alga_temporal_domain.projects.supervision.children import Launcher
from alga_temporal_domain.projects.supervision.leases import Leases, new_holder
from alga_temporal_domain.projects.supervision.log_lines import LogLines
from alga_temporal_domain.projects.supervision.means import Means
from alga_temporal_domain.projects.supervision.metrics import SupervisionMetrics
from alga_temporal_domain.projects.supervision.restarts import Restarts
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.projects.supervision.statistics import Statistics
from alga_temporal_domain.projects.supervision.supervisor import ProjectSupervisor
from alga_temporal_domain.projects.supervision.sweeping import Sweeper
from alga_temporal_domain.projects.versions import TemporalVersions
from alga_temporal_domain.storage.counted import count
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service

log = structlog.get_logger()

LINES_SECONDS = 1.0

# PostgreSQL is away for as long as it is; figures are not to be late by more when it is back.
_AGAIN = Backoff(first=1.0, longest=5.0)


class LastRound(PeriodicService):
    """Works once more when it is stopped, for what came since the last round."""

    def __init__(self, name: str, interval: float, work: Callable[[], Awaitable[None]]) -> None:
        super().__init__(name, interval, work, backoff=_AGAIN)
        self._last = work

    async def run(self, ready: Callable[[], None]) -> None:
        """Until stopped, and then the last round."""
        await super().run(ready)
        try:
            await self._last()
        except UnavailableError as error:
            log.warning(
                f"What is left could not be written: {error}",
                action="service.left_unwritten",
                name=self.name,
            )


@dataclass(frozen=True, slots=True)
class Counting:
    """Reads for metrics what only the database knows."""

    storage: DomainStorage
    metrics: SupervisionMetrics

    async def read(self) -> None:
        """By one statement. UnavailableError, and the last reading stays, without PostgreSQL."""
        async with self.storage.transaction() as connection:
            self.metrics.counted(await count(connection))


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What a process has to run; `supervisor` is one of the services."""

    supervisor: ProjectSupervisor
    sweeper: PeriodicService
    versions: TemporalVersions
    mover: RunMover
    services: tuple[Service, ...]


class _LauncherWithTrials(Launcher, Replayer, Protocol):
    """What `Launcher` of `projects/process` is."""


def supervision(
    *,
    storage: DomainStorage,
    settings: SupervisionSettings,
    launcher: _LauncherWithTrials,
    client: Client,
    temporal: TemporalTarget,
    broker_of: Callable[[str, UUID], Broker],
    hints: Hints,
    registry: CollectorRegistry | None = None,
    restarts: Restarts | None = None,
) -> Supervision:
    """Supervision of projects' workers by this process. `hints` and `launcher` are services that
    have to run before these; `registry` is where its metrics are read."""
    holder = new_holder()
    metrics = SupervisionMetrics(
        registry or CollectorRegistry(), most_projects=settings.most_projects
    )
    versions = TemporalVersions(client, storage, identity=holder)
    mover = RunMover(client, launcher)
    statistics, lines = Statistics(storage, holder=holder), LogLines(storage)
    means = Means(
        storage=storage,
        settings=settings,
        restarts=restarts or Restarts(),
        launcher=launcher,
        routing=versions,
        broker_of=broker_of,
        temporal=temporal,
        statistics=statistics,
        metrics=metrics,
        lines=lines,
        holder=holder,
        host=socket.gethostname(),
        starts=asyncio.Semaphore(settings.starts_at_once),
    )
    supervisor = ProjectSupervisor(means, Leases(storage, settings, holder=holder), hints)
    sweeper = Sweeper(means, supervisor, versions, mover)
    sweeping = PeriodicService("project-sweep", settings.sweep, sweeper.sweep, backoff=_AGAIN)
    counting = PeriodicService(
        "project-counts", settings.statistics, Counting(storage, metrics).read, backoff=_AGAIN
    )
    # Stopped in reverse: what processes say last is written last.
    writers = (
        LastRound("project-statistics", settings.statistics, statistics.write),
        LastRound("project-logs", LINES_SECONDS, lines.write),
    )
    return Supervision(
        supervisor=supervisor,
        sweeper=sweeping,
        versions=versions,
        mover=mover,
        services=(*writers, counting, supervisor, sweeping),
    )
