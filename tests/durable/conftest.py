"""Services in this process, with the actions of these tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.temporal.worker import WorkerOptions
from alga_workflows_core.temporal.workflow import RunWorkflow
from tests.api.service import serving
from tests.durable.actions import actions
from tests.durable.world import World
from workflow_worker.base import Mode

Serve: TypeAlias = Callable[[type[Any]], AbstractAsyncContextManager[World]]


@pytest.fixture
def serve(
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> Serve:
    """Serves with the workflow that it is given."""

    @asynccontextmanager
    async def served(workflow: type[Any]) -> AsyncGenerator[World]:
        mode = Mode(
            open_tenant="default",
            extra_actions=actions(),
            worker=WorkerOptions(workflow=workflow),
        )
        temporal = TemporalSettings(
            address=temporal_server.address, namespace=temporal_client.namespace
        )
        async with (
            serving(database_url, temporal, temporal_telemetry, mode=mode) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as api,
        ):
            yield World(api, temporal_client)

    return served


@pytest_asyncio.fixture
async def world(serve: Serve) -> AsyncGenerator[World]:
    """A service as it is, but for its actions."""
    async with serve(RunWorkflow) as served:
        yield served
