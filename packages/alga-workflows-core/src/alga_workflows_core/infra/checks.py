"""What `check` of a service looks at, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import dataclass

from temporalio.runtime import Runtime
from temporalio.service import RPCError

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.database import Database, first_line
from alga_workflows_core.infra.migrations import Schema
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.temporal import connect, server_version


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


async def look(name: str, looking: Awaitable[str]) -> CheckLine:
    """What `looking` has found, or why it failed."""
    try:
        return CheckLine(name, ok=True, detail=await looking)
    except AlgaError as error:
        return CheckLine(name, ok=False, detail=str(error))
    except RPCError as error:
        return CheckLine(name, ok=False, detail=first_line(error))


async def look_at_database(database: Database, schema: Schema) -> list[CheckLine]:
    """Whether PostgreSQL answers, and has the schema of this release."""
    postgresql = await look("postgresql", _answers(database))
    if not postgresql.ok:
        unknown = CheckLine("schema", ok=False, detail="PostgreSQL has to answer first.")
        return [postgresql, unknown]
    return [postgresql, await look("schema", _expected(database, schema))]


async def look_at_temporal(settings: TemporalSettings, runtime: Runtime) -> CheckLine:
    """Whether Temporal answers and knows the namespace."""
    return await look("temporal", _temporal(settings, runtime))


async def _answers(database: Database) -> str:
    await database.ping()
    return f"{database.address} answers"


async def _expected(database: Database, schema: Schema) -> str:
    await schema.check_revision(database)
    return f"revision {schema.expected_revision()}"


async def _temporal(settings: TemporalSettings, runtime: Runtime) -> str:
    client = await connect(settings, runtime=runtime)
    number = await server_version(client)
    return f"{settings.address} answers, version {number}, namespace {client.namespace}"
