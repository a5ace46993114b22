"""What every part of the service is made of, and how this process is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.client import Client

from alga_workflows_core.actions.contract import Action
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry
from alga_workflows_core.infra.supervisor import (
    Backoff,
    PeriodicService,
    Service,
)
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.starter import TASK_TIMEOUT
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.worker import WorkerOptions
from workflow_worker.settings import ServiceSettings


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
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


def each_second(name: str, work: Callable[[], Awaitable[None]]) -> PeriodicService:
    """Works through a table whenever it is poked, and each second for what nobody poked about."""
    return PeriodicService(name, 1.0, work, backoff=Backoff(longest=2.0))
