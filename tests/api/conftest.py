"""The whole service in this process: real PostgreSQL, real Temporal, real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from workflow_worker.compose import Mode, serve
from workflow_worker.settings import ServiceSettings


@pytest_asyncio.fixture
async def service_url(
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[str]:
    """The URL of a running workflow-worker; without a key this machine is tenant `default`."""
    settings = ServiceSettings.load(
        {
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": temporal_server.address,
            "TEMPORAL_NAMESPACE": temporal_client.namespace,
            "PORT": "0",
            "WORKFLOW_HTTP_ALLOW": "127.0.0.0/8",
            "WORKFLOW_STOP_TIMEOUT": "2",
        }
    )
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(
            settings,
            stop=stop,
            mode=Mode(open_tenant="default"),
            on_ready=url.set_result,
            telemetry=temporal_telemetry,
        )
    )
    await asyncio.wait({serving, url}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    yield url.result()
    stop.set()
    await serving


@pytest_asyncio.fixture
async def api(service_url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of `/api/v1`, without a key."""
    async with httpx.AsyncClient(base_url=f"{service_url}/api/v1", timeout=30) as client:
        yield client
