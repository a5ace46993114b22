"""What operators do besides serving: migrate, check, manage keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from temporalio.client import Client

from alga_temporal_domain.projects.process.isolation.walls import in_force
from alga_temporal_domain.queues.capabilities import check_capabilities
from alga_temporal_domain.queues.names import activity_name, workflow_name
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.storage.api_keys import ApiKeys
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.checks import (
    CheckLine,
    CheckReport,
    look,
    look_at_database,
    look_at_temporal,
)
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, LogSettings, load_all
from alga_workflows_core.infra.temporal import connect, unconnected
from temporal_worker.base import Mode
from temporal_worker.environment import REPLACED, replaced
from temporal_worker.families import families
from temporal_worker.opening import opened_parts
from temporal_worker.queues import table_of
from temporal_worker.settings import ServiceSettings, filled

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
    """Look at settings, PostgreSQL, its schema, Temporal, the queues and what is served there, and
    the walls around projects' processes.

    What is wrong is in the report.
    """
    versions = {name: version(name) for name in DISTRIBUTIONS}
    try:
        settings = ServiceSettings.load()
    except SettingsError as error:
        return CheckReport(versions, {}, [CheckLine("settings", ok=False, detail=str(error))])
    database = Database(settings.database)
    telemetry = temporal_runtime()
    try:
        looked, temporal = await asyncio.gather(
            look_at_database(database, SCHEMA),
            _temporal(settings, telemetry),
        )
        queues = await _queues(settings, database, telemetry)
    finally:
        await database.close()
    lines = [*looked, *temporal, *queues, _isolation(settings)]
    unread = replaced(os.environ)
    if unread:
        told = "; ".join(f"{name}: not read; {REPLACED[name]}" for name in unread)
        lines.append(CheckLine("unread", ok=True, detail=told))
    return CheckReport(versions, settings.shown(), lines)


async def _temporal(settings: ServiceSettings, telemetry: TemporalTelemetry) -> list[CheckLine]:
    line = await look_at_temporal(settings.temporal, telemetry.runtime)
    if not line.ok:
        return [line]
    client = await connect(settings.temporal, runtime=telemetry.runtime)
    return [line, await look("capabilities", _capabilities(client, settings))]


async def _capabilities(client: Client, settings: ServiceSettings) -> str:
    key_id = settings.payloads.key_id
    await check_capabilities(client, encrypted=key_id is not None)
    encrypted = "payloads are plain" if key_id is None else f"payloads are encrypted by {key_id!r}"
    return f"all that is needed; {encrypted}"


async def _queues(
    settings: ServiceSettings, database: Database, telemetry: TemporalTelemetry
) -> list[CheckLine]:
    """No fault: what is served is this release's."""
    client = await unconnected(settings.temporal, runtime=telemetry.runtime)
    async with opened_parts(settings, Mode(), client, database, telemetry) as parts:
        table = table_of(settings, families(parts))
    polled = settings.queues.chosen
    return [
        CheckLine(f"queue {spec.name}", ok=True, detail=_served(spec, polled)) for spec in table
    ]


def _served(spec: QueueSpec, polled: Sequence[str]) -> str:
    if not spec.is_served:
        return "nothing is served here yet; not polled"
    workflows = ", ".join(map(workflow_name, spec.workflows))
    activities = ", ".join(map(activity_name, spec.activities)) or "none"
    return (
        f"{'polled' if spec.name in polled else 'not polled'} by this process;"
        f" workflows {workflows}; activities {activities};"
        f" {spec.activity_slots} activities and {spec.workflow_slots} workflow tasks at a time"
    )


def _isolation(settings: ServiceSettings) -> CheckLine:
    """No fault: the service runs with the walls that the machine has; which ones is said."""
    walls = in_force(first_uid=settings.isolation.first_uid)
    return CheckLine("isolation", ok=True, detail="; ".join(str(wall) for wall in walls))


@asynccontextmanager
async def _configured_database() -> AsyncGenerator[Database]:
    """The database that the environment names; UnavailableError if it does not answer."""
    # The logs' settings are in use already; what is wrong with them is told here.
    models = (DatabaseSettings, LogSettings)
    settings, _ = load_all(*models, environ=filled(None, models))
    database = Database(settings)
    try:
        await database.ping()
        yield database
    finally:
        await database.close()
