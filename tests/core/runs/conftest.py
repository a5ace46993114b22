"""Fixtures of the tests of runs."""

from __future__ import annotations

import pytest_asyncio

from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.runs.limited import World


@pytest_asyncio.fixture
async def world(storage: Storage, database_url: str) -> World:
    """Starts and ends runs, without executions."""
    return World.of(storage, database_url)
