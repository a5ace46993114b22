"""A world for each test."""

from __future__ import annotations

import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from tests.domain.sla.world import World


@pytest_asyncio.fixture
async def world(temporal_client: Client, domain_storage: DomainStorage) -> World:
    """A namespace and a database of this test's own."""
    return World(client=temporal_client, storage=domain_storage)
