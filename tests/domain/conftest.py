"""A database with the domain's schema for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio

from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.testing.databases import TestDatabases


@pytest_asyncio.fixture
async def domain_settings(databases: TestDatabases) -> AsyncGenerator[DatabaseSettings]:
    """A database of this test's own, with both schemas."""
    async with databases.clone() as url:
        settings = load(DatabaseSettings, {"DATABASE_URL": url})
        database = Database(settings)
        try:
            await SCHEMA.migrate(database)
        finally:
            await database.close()
        yield settings


@pytest_asyncio.fixture
async def domain_storage(domain_settings: DatabaseSettings) -> AsyncGenerator[DomainStorage]:
    """Units of work on that database."""
    database = Database(domain_settings)
    yield DomainStorage(database)
    await database.close()
