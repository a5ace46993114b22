"""A world for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from tests.domain.sla.histories import record
from tests.domain.sla.world import World

RECORD = "ALGA_RECORD_SLA_HISTORIES"


@pytest_asyncio.fixture
async def world(
    temporal_client: Client, domain_storage: DomainStorage, request: pytest.FixtureRequest
) -> AsyncGenerator[World]:
    """A namespace and a database of this test's own; its histories are kept if that is wanted."""
    yield World(client=temporal_client, storage=domain_storage)
    if (folder := os.environ.get(RECORD)) and "model" not in request.node.name:
        await record(temporal_client, Path(folder), request.node.name)
