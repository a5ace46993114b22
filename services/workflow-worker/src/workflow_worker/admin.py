"""What operators do besides serving: migrate, check, manage keys."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID, uuid4

from temporalio.runtime import Runtime

from alga_workflows_core.errors import AlgaError, InputError, NotFoundError
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage import migrate as schema
from alga_workflows_core.storage.api_keys import ApiKeyRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.client import connect, server_version
from workflow_worker.settings import ServiceSettings

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
    """What is configured and reachable. Holds no secret."""

    settings: dict[str, str]
    lines: list[CheckLine]

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines)

    def as_json(self) -> str:
        checks = {line.name: {"ok": line.ok, "detail": line.detail} for line in self.lines}
        return json.dumps({"ok": self.ok, "settings": self.settings, "checks": checks})

    def as_text(self) -> str:
        settings = [f"  {name} = {value}" for name, value in self.settings.items()]
        checks = [
            f"  {'ok    ' if line.ok else 'FAILED'}  {line.name}: {line.detail}"
            for line in self.lines
        ]
        return "\n".join(["Settings", *settings, "Checks", *checks])


async def migrate_database() -> tuple[str | None, str]:
    """The schema's revision before and after."""
    async with aclosing(_OpenDatabase()) as opened:
        await opened.database.ping()
        return await schema.migrate(opened.database)


async def create_key(tenant: str, name: str, role: Role) -> CreatedKey:
    """A new key of `tenant`; InputError if that cannot be a tenant's name."""
    if not _TENANT.fullmatch(tenant):
        raise InputError(
            f"{tenant!r} cannot be a tenant.",
            path="--tenant",
            remedy="Use letters, digits, '.', '_' and '-', 64 at most.",
        )
    created = CreatedKey(uuid4(), generate_key())
    async with aclosing(_OpenDatabase()) as opened, opened.storage.unit_of_work(tenant) as work:
        await work.api_keys.add(
            created.id, name=name, role=role.label, key_hash=hash_key(created.key)
        )
    return created


async def list_keys(tenant: str) -> list[ApiKeyRow]:
    """The keys of `tenant`, the newest first."""
    async with aclosing(_OpenDatabase()) as opened, opened.storage.unit_of_work(tenant) as work:
        return await work.api_keys.list()


async def revoke_key(tenant: str, key_id: str) -> None:
    """NotFoundError if there is no such valid key."""
    try:
        identity = UUID(key_id)
    except ValueError as error:
        raise InputError(f"{key_id!r} is not the id of a key.", path="id") from error
    async with aclosing(_OpenDatabase()) as opened, opened.storage.unit_of_work(tenant) as work:
        if not await work.api_keys.revoke(identity):
            raise NotFoundError(
                f"Tenant {tenant!r} has no valid key {identity}.",
                remedy="`workflow-worker keys list` lists them.",
            )


async def check() -> CheckReport:
    """Look at settings, PostgreSQL and Temporal; SettingsError if the settings are wrong."""
    settings = ServiceSettings.load()
    database = Database(settings.database)
    try:
        lines = [
            await _line("postgresql", _answers(database)),
            await _line("schema", _expected_schema(database)),
            await _line("temporal", _temporal(settings, temporal_runtime().runtime)),
        ]
    finally:
        await database.close()
    shown = {
        "DATABASE_URL": settings.database.address,
        "TEMPORAL_ADDRESS": settings.temporal.address,
        "TEMPORAL_NAMESPACE": settings.temporal.namespace,
        "WORKFLOW_HOST": settings.http.host,
        "PORT": str(settings.http.port),
        "LOG_LEVEL": settings.logs.level,
        "WORKFLOW_BUILD_ID": settings.process.build_id,
    }
    return CheckReport(shown, lines)


class _OpenDatabase:
    """The database that the environment names, for one command."""

    def __init__(self) -> None:
        self.database = Database(load(DatabaseSettings))
        self.storage = Storage(self.database)

    async def aclose(self) -> None:
        await self.database.close()


async def _line(name: str, looking: Awaitable[str]) -> CheckLine:
    try:
        return CheckLine(name, ok=True, detail=await looking)
    except AlgaError as error:
        return CheckLine(name, ok=False, detail=str(error))


async def _answers(database: Database) -> str:
    await database.ping()
    return f"{database.address} answers"


async def _expected_schema(database: Database) -> str:
    await database.ping()
    await schema.check_revision(database)
    return f"revision {schema.expected_revision()}"


async def _temporal(settings: ServiceSettings, runtime: Runtime) -> str:
    client = await connect(settings.temporal, runtime=runtime)
    version = await server_version(client)
    return f"{settings.temporal.address} answers, version {version}, namespace {client.namespace}"
