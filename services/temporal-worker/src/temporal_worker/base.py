"""How this process is run, and what everything in it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from temporalio.client import Client

from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.schedules.desired import ScheduleSource
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry
from temporal_worker.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """`open_tenant`: whose data this machine sees without a key. `extra_queues`: in
    place of the families' of the same names. `extra_schedules`: besides the families'."""

    open_tenant: str | None = None
    extra_queues: tuple[QueueSpec, ...] = ()
    extra_schedules: tuple[ScheduleSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One process's. `guarded_http` reaches public addresses alone, `http` any. Payloads of
    `client`, which projects' workers share, are plain; those of `domain_client` are encrypted."""

    settings: ServiceSettings
    mode: Mode
    client: Client
    domain_client: Client
    database: Database
    storage: DomainStorage
    hints: Hints
    guarded_http: httpx.AsyncClient
    http: httpx.AsyncClient
    launcher: Launcher
    metrics: Metrics
    telemetry: TemporalTelemetry
