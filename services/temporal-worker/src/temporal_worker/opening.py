"""Makes what everything in the process is made of; starts nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from temporalio.client import Client

from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics, TemporalTelemetry
from temporal_worker.base import Mode, Parts
from temporal_worker.settings import ServiceSettings


@asynccontextmanager
async def opened_parts(
    settings: ServiceSettings,
    mode: Mode,
    client: Client,
    database: Database,
    telemetry: TemporalTelemetry,
) -> AsyncGenerator[Parts]:
    """The parts, whose HTTP clients are closed at the end of the block."""
    guarded_http = create_client(settings.egress.policy)
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            yield Parts(
                settings=settings,
                mode=mode,
                client=client,
                domain_client=settings.payloads.client(client),
                database=database,
                storage=DomainStorage(database),
                hints=Hints(database, settings.database),
                guarded_http=guarded_http,
                http=http,
                launcher=Launcher(first_uid=settings.isolation.first_uid),
                metrics=Metrics(),
                telemetry=telemetry,
            )
    finally:
        await guarded_http.aclose()
