"""What operators do besides serving: migrate, check, manage keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from alga_temporal_domain.projects.process.isolation.walls import in_force
from alga_temporal_domain.storage.api_keys import ApiKeys
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.checks import (
    CheckLine,
    CheckReport,
    look_at_database,
    look_at_temporal,
)
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, LogSettings, load_all
from temporal_worker.settings import ServiceSettings, replaced

DISTRIBUTIONS = ("temporal-worker", "alga-temporal-domain", "alga-workflows-core")


async def migrate_database() -> tuple[str | None, str]:
    """The schema's revision before and after, of the database that the environment names."""
    async with _configured_database() as database:
        return await SCHEMA.migrate(database)


@asynccontextmanager
async def api_keys(tenant: str) -> AsyncGenerator[ApiKeys]:
    """The keys of `tenant` in the database that the environment names."""
    async with _configured_database() as database:
        await SCHEMA.check_revision(database)
        async with DomainStorage(database).unit_of_work(tenant) as work:
            yield work.api_keys


async def check() -> CheckReport:
    """Look at settings, PostgreSQL, its schema, Temporal and the walls around projects' processes.

    What is wrong is in the report.
    """
    versions = {name: version(name) for name in DISTRIBUTIONS}
    try:
        settings = ServiceSettings.load()
    except SettingsError as error:
        return CheckReport(versions, {}, [CheckLine("settings", ok=False, detail=str(error))])
    database = Database(settings.database)
    try:
        looked, temporal = await asyncio.gather(
            look_at_database(database, SCHEMA),
            look_at_temporal(settings.temporal, temporal_runtime().runtime),
        )
    finally:
        await database.close()
    lines = [*looked, temporal, _isolation(settings)]
    unread = replaced(os.environ)
    if unread:
        told = f"{' and '.join(unread)}: not read; DATABASE_URL is used"
        lines.append(CheckLine("unread", ok=True, detail=told))
    return CheckReport(versions, settings.shown(), lines)


def _isolation(settings: ServiceSettings) -> CheckLine:
    """No fault: the service runs with the walls that the machine has; which ones is said."""
    walls = in_force(first_uid=settings.isolation.first_uid)
    return CheckLine("isolation", ok=True, detail="; ".join(str(wall) for wall in walls))


@asynccontextmanager
async def _configured_database() -> AsyncGenerator[Database]:
    """The database that the environment names; UnavailableError if it does not answer."""
    # The logs' settings are in use already; what is wrong with them is told here.
    settings, _ = load_all(DatabaseSettings, LogSettings)
    database = Database(settings)
    try:
        await database.ping()
        yield database
    finally:
        await database.close()
