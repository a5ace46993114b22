"""A supervisor with processes that do nothing but live; as a program, one in a process of its own.

`python -m tests.domain.supervision.supervising FOLDER TTL` with DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from prometheus_client import CollectorRegistry

from alga_temporal_domain.projects.calling import NoBroker
from alga_temporal_domain.projects.process.launcher import Launcher as ForkLauncher
from alga_temporal_domain.projects.process.order import TemporalTarget
from alga_temporal_domain.projects.supervision.children import Launcher
from alga_temporal_domain.projects.supervision.leases import Leases, new_holder
from alga_temporal_domain.projects.supervision.log_lines import LogLines
from alga_temporal_domain.projects.supervision.means import Means, Routing
from alga_temporal_domain.projects.supervision.metrics import SupervisionMetrics
from alga_temporal_domain.projects.supervision.restarts import Restarts
from alga_temporal_domain.projects.supervision.services import supervision
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.projects.supervision.statistics import Statistics
from alga_temporal_domain.projects.supervision.supervisor import ProjectSupervisor
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.settings import (
    DatabaseSettings,
    LogSettings,
    TemporalSettings,
    load,
)
from alga_workflows_core.infra.supervisor import (
    Backoff,
    Supervisor,
    exit_process,
    install_signal_handlers,
)
from alga_workflows_core.infra.telemetry import configure_logging
from alga_workflows_core.infra.temporal import connect
from tests.domain.supervision.sleepers import Sleepers

QUICK = Restarts(backoff=Backoff(first=0.05, longest=0.2, reset_after=60.0))


class Nowhere:
    """For processes that need no Temporal."""

    async def tell(self, tenant: str, project_id: UUID) -> int | None:
        """Nobody has to know."""

    async def answers(self) -> bool:
        """Nothing is missing."""
        return True


def means(
    storage: DomainStorage,
    settings: SupervisionSettings,
    launcher: Launcher,
    *,
    routing: Routing | None = None,
    temporal: str = "nowhere:1",
    namespace: str = "default",
    metrics: SupervisionMetrics | None = None,
) -> Means:
    """All that a supervisor needs."""
    holder = new_holder()
    return Means(
        storage=storage,
        settings=settings,
        restarts=QUICK,
        launcher=launcher,
        routing=routing or Nowhere(),
        broker_of=lambda _tenant, _project: NoBroker(),
        temporal=TemporalTarget(address=temporal, namespace=namespace),
        statistics=Statistics(storage, holder=holder),
        metrics=metrics or SupervisionMetrics(CollectorRegistry()),
        lines=LogLines(storage),
        holder=holder,
        host="here",
        starts=asyncio.Semaphore(settings.starts_at_once),
    )


@asynccontextmanager
async def supervised(of: Means, database: DatabaseSettings) -> AsyncGenerator[ProjectSupervisor]:
    """A supervisor at work, with hints."""
    hints = Hints(of.storage.database, database)
    supervisor = ProjectSupervisor(of, Leases(of.storage, of.settings, holder=of.holder), hints)
    stop = asyncio.Event()
    running = asyncio.create_task(Supervisor([hints, supervisor], stop_timeout=20).run(stop))
    try:
        yield supervisor
    finally:
        stop.set()
        await running


async def _main(folder: Path, ttl: float) -> None:
    stop = asyncio.Event()
    install_signal_handlers(stop)
    # Without it tracebacks are drawn for a terminal, which takes seconds each.
    configure_logging(LogSettings(format="json"), service="supervising")
    settings = load(DatabaseSettings)
    database = Database(settings)
    storage = DomainStorage(database)
    times = SupervisionSettings(ttl=ttl, tick=ttl / 5, margin=ttl / 5, sweep=1.0, statistics=1.0)
    if "TEMPORAL_ADDRESS" in os.environ:
        await _on_temporal(storage, settings, times, stop)
    else:
        async with supervised(means(storage, times, Sleepers(folder)), settings):
            await stop.wait()
    await database.close()


async def _on_temporal(
    storage: DomainStorage,
    settings: DatabaseSettings,
    times: SupervisionSettings,
    stop: asyncio.Event,
) -> None:
    """With processes that run projects' code."""
    temporal = load(TemporalSettings)
    client = await connect(temporal, runtime=temporal_runtime().runtime, timeout=20)
    hints, launcher = Hints(storage.database, settings), ForkLauncher()
    made = supervision(
        storage=storage,
        settings=times,
        launcher=launcher,
        client=client,
        temporal=TemporalTarget(address=temporal.address, namespace=temporal.namespace),
        broker_of=lambda _tenant, _project: NoBroker(),
        hints=hints,
        restarts=replace(QUICK, most=1000),
    )
    await Supervisor([hints, launcher, *made.services], stop_timeout=20).run(stop)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), float(sys.argv[2])))
    exit_process(0)
