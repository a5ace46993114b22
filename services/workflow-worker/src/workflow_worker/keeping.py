"""What starts runs, and keeps their rows and Temporal in step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from alga_workflows_core.infra.supervisor import (
    PeriodicService,
    Service,
)
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.operations import RunOperations
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.reconciler_sweep import RunSweeper
from alga_workflows_core.runs.slots import SlotKeeper
from alga_workflows_core.runs.starter import RunStarter
from alga_workflows_core.temporal.executions import Executions
from workflow_worker.base import Base, each_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What keeps rows of runs and Temporal in step."""

    start: PeriodicService
    operations: RunOperations
    services: tuple[Service, ...]


def keeping(base: Base) -> Keeping:
    """Starter, operations, reconciler and sweeper over one process's servers."""
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
    start = each_second("run-starter", starter.start_due)
    return Keeping(
        start=start,
        operations=RunOperations(
            storage=storage, executions=executions, reconciler=reconciler, closer=closer
        ),
        services=(
            start,
            PeriodicService("reconciler", settings.poll_interval, reconciler.look),
            # It is some process's turn each interval; this asks whether it is ours.
            PeriodicService("run-sweeper", settings.sweep_interval / 2, sweeper.sweep),
            PeriodicService("slot-keeper", settings.sweep_interval, SlotKeeper(storage).mend),
        ),
    )
