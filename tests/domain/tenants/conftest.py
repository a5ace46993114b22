"""A world of tenants for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.tenants.world import Post, World, folder_exports, smtp_server


@pytest_asyncio.fixture
async def world(
    domain_storage: DomainStorage,
    domain_settings: DatabaseSettings,
    temporal_client: Client,
    temporal_telemetry: TemporalTelemetry,
    tmp_path: Path,
) -> AsyncGenerator[World]:
    """Nobody serves its queue yet."""
    post = Post()
    async with smtp_server(post) as address:
        yield World(
            storage=domain_storage,
            client=temporal_client,
            settings=domain_settings,
            folder=tmp_path,
            runtime=temporal_telemetry.runtime,
            post=post,
            smtp=address,
            exports=folder_exports(tmp_path),
        )
