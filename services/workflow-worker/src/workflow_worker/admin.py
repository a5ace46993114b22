"""What operators do besides serving: migrate, check, manage keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.checks import (
    CheckLine,
    CheckReport,
    look,
    look_at_database,
    look_at_temporal,
)
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.settings import DatabaseSettings, LogSettings, load_all
from alga_workflows_core.storage.api_keys import ApiKeys
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.unit_of_work import Storage
from workflow_worker.ingress import redis_stream
from workflow_worker.settings import ServiceSettings

DISTRIBUTIONS = ("workflow-worker", "alga-workflows-core")


async def migrate_database() -> tuple[str | None, str]:
    """The schema's revision before and after, of the database that the environment names."""
    async with _configured_database() as database:
        return await SCHEMA.migrate(database)


@asynccontextmanager
async def api_keys(tenant: str) -> AsyncGenerator[ApiKeys]:
    """The keys of `tenant` in the database that the environment names."""
    async with configured_storage() as storage, storage.unit_of_work(tenant) as work:
        yield work.api_keys


async def check() -> CheckReport:
    """Look at settings, PostgreSQL, its schema and Temporal. What is wrong is in the report."""
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
    lines = [*looked, temporal]
    if settings.redis.url is not None:
        lines.append(await look("redis", _redis(settings.redis)))
    return CheckReport(versions, settings.shown(), lines)


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


@asynccontextmanager
async def configured_storage() -> AsyncGenerator[Storage]:
    """The same with the expected schema; ConflictError otherwise."""
    async with _configured_database() as database:
        await SCHEMA.check_revision(database)
        yield Storage(database)


async def _redis(settings: RedisSettings) -> str:
    stream = redis_stream(settings)
    try:
        await stream.join()
        state = await stream.state()
    finally:
        await stream.close()
    unread = "" if state.unread is None else f", {state.unread} unread"
    return f"{settings.address} answers, stream {stream.name}, {state.pending} pending{unread}"
