"""What operators do besides serving: migrate, check, manage keys."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID, uuid4

from temporalio.service import RPCError

from alga_workflows_core.errors import AlgaError, InputError, NotFoundError, SettingsError
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.database import Database, first_line
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.settings import DatabaseSettings, LogSettings, load_all
from alga_workflows_core.infra.temporal import connect, server_version
from alga_workflows_core.storage.api_keys import ApiKeyRow
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.unit_of_work import Storage
from workflow_worker.ingress import redis_stream
from workflow_worker.settings import TENANT_PATTERN, ServiceSettings

DISTRIBUTIONS = ("workflow-worker", "alga-workflows-core")


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key; `key` is not stored anywhere."""

    id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is installed, configured and reachable. Holds no secret.

    `settings` is empty when they are wrong; a line says what is wrong then.
    """

    versions: dict[str, str]
    settings: dict[str, str]
    lines: list[CheckLine]

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines)

    def as_json(self) -> str:
        checks = {line.name: {"ok": line.ok, "detail": line.detail} for line in self.lines}
        return json.dumps(
            {
                "ok": self.ok,
                "versions": self.versions,
                "settings": self.settings,
                "checks": checks,
            }
        )

    def as_text(self) -> str:
        return "\n".join(
            [
                "Versions",
                *(f"  {name} {number}" for name, number in self.versions.items()),
                "Settings",
                *(f"  {name}={value}" for name, value in self.settings.items()),
                "Checks",
                *(
                    f"  {'ok    ' if line.ok else 'FAILED'}  {line.name}: {line.detail}"
                    for line in self.lines
                ),
            ]
        )


async def migrate_database() -> tuple[str | None, str]:
    """The schema's revision before and after, of the database that the environment names."""
    async with _configured_database() as database:
        return await SCHEMA.migrate(database)


async def create_key(tenant: str, name: str, role: Role) -> CreatedKey:
    """A new key of `tenant`; InputError if that cannot be a tenant's name."""
    if not re.fullmatch(TENANT_PATTERN, tenant):
        raise InputError(
            f"{tenant!r} cannot be a tenant.",
            path="--tenant",
            remedy="Use letters, digits, '.', '_' and '-', 64 at most.",
        )
    created = CreatedKey(uuid4(), generate_key())
    async with configured_storage() as storage, storage.unit_of_work(tenant) as work:
        await work.api_keys.add(
            created.id, name=name, role=role.label, key_hash=hash_key(created.key)
        )
    return created


async def list_keys(tenant: str) -> list[ApiKeyRow]:
    """The keys of `tenant`, the newest first."""
    async with configured_storage() as storage, storage.unit_of_work(tenant) as work:
        return await work.api_keys.list()


async def revoke_key(tenant: str, key_id: str) -> None:
    """NotFoundError if there is no such valid key."""
    try:
        identity = UUID(key_id)
    except ValueError as error:
        raise InputError(
            f"{key_id!r} is not the id of a key.",
            path="id",
            remedy="`workflow-worker keys list` lists them.",
        ) from error
    async with configured_storage() as storage, storage.unit_of_work(tenant) as work:
        if not await work.api_keys.revoke(identity):
            raise NotFoundError(
                f"Tenant {tenant!r} has no valid key {identity}.",
                remedy="`workflow-worker keys list` lists them.",
            )


async def check() -> CheckReport:
    """Look at settings, PostgreSQL, its schema and Temporal. What is wrong is in the report."""
    versions = {name: version(name) for name in DISTRIBUTIONS}
    try:
        settings = ServiceSettings.load()
    except SettingsError as error:
        return CheckReport(versions, {}, [CheckLine("settings", ok=False, detail=str(error))])
    database = Database(settings.database)
    try:
        postgresql, temporal = await asyncio.gather(
            _line("postgresql", _answers(database)), _line("temporal", _temporal(settings))
        )
        found = (
            await _line("schema", _expected_schema(database))
            if postgresql.ok
            else CheckLine("schema", ok=False, detail="PostgreSQL has to answer first.")
        )
    finally:
        await database.close()
    lines = [postgresql, found, temporal]
    if settings.redis.url is not None:
        lines.append(await _line("redis", _redis(settings.redis)))
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


async def _line(name: str, looking: Awaitable[str]) -> CheckLine:
    try:
        return CheckLine(name, ok=True, detail=await looking)
    except AlgaError as error:
        return CheckLine(name, ok=False, detail=str(error))
    except RPCError as error:
        return CheckLine(name, ok=False, detail=first_line(error))


async def _answers(database: Database) -> str:
    await database.ping()
    return f"{database.address} answers"


async def _expected_schema(database: Database) -> str:
    await SCHEMA.check_revision(database)
    return f"revision {SCHEMA.expected_revision()}"


async def _temporal(settings: ServiceSettings) -> str:
    client = await connect(settings.temporal, runtime=temporal_runtime().runtime)
    number = await server_version(client)
    return f"{settings.temporal.address} answers, version {number}, namespace {client.namespace}"


async def _redis(settings: RedisSettings) -> str:
    stream = redis_stream(settings)
    try:
        await stream.join()
        state = await stream.state()
    finally:
        await stream.close()
    unread = "" if state.unread is None else f", {state.unread} unread"
    return f"{settings.address} answers, stream {stream.name}, {state.pending} pending{unread}"
