"""One transaction of one tenant.

Inside, the connection acts as the role `alga_workflows`, which no row of another tenant is visible
to, whoever the login is. What has to look across tenants (`Storage.claim_run_starts`,
`Storage.authenticate`) calls functions of the database that answer ids only.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.errors import ConflictError, UnavailableError
from alga_workflows_core.infra.database import REMEDY, Database, first_line
from alga_workflows_core.storage.api_keys import ApiKeys
from alga_workflows_core.storage.definitions import Definitions
from alga_workflows_core.storage.runs import Runs
from alga_workflows_core.storage.steps import Steps

_ENTER = text(
    "SELECT set_config('role', 'alga_workflows', true), set_config('alga.tenant', :t, true)"
)
_ILLEGAL_TRANSITION = "AW001"
_IMMUTABLE = "AW002"


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """The repositories of one tenant in one transaction, which commits when the block ends well."""

    tenant: str
    definitions: Definitions
    runs: Runs
    steps: Steps
    api_keys: ApiKeys


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom an API key belongs to."""

    tenant: str
    key_id: UUID
    role: str


class Storage:
    """The way to rows. UnavailableError when PostgreSQL cannot be reached."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def unit_of_work(self, tenant: str) -> AsyncGenerator[UnitOfWork]:
        """A READ COMMITTED transaction; ConflictError where a row refuses the change."""
        with self._errors():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"t": tenant})
                yield _open(tenant, connection)

    async def claim_run_starts(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take runs that are due to be started, as (tenant, run id), and set them to STARTING.

        A claim that is not followed up within `lease` (database clock) is due again.
        """
        statement = text("SELECT tenant, run_id FROM alga_claim_run_starts(:at_most, :lease)")
        with self._errors():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"t": ""})
                rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
                return [(row.tenant, row.run_id) for row in rows]

    async def authenticate(self, key_hash: str) -> KeyHolder | None:
        """The holder of the key with this hash, unless it was revoked."""
        statement = text("SELECT tenant, key_id, role FROM alga_authenticate(:key_hash)")
        with self._errors():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"t": ""})
                row = (await connection.execute(statement, {"key_hash": key_hash})).one_or_none()
        return None if row is None else KeyHolder(row.tenant, row.key_id, row.role)

    @contextlib.contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise UnavailableError(
                "PostgreSQL", self.database.address, first_line(error), remedy=REMEDY
            ) from error
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in (_ILLEGAL_TRANSITION, _IMMUTABLE):
                raise ConflictError(
                    f"{first_line(error)}.".capitalize(),
                    code="ILLEGAL_STATE_CHANGE",
                    remedy="Read its present state and decide again.",
                ) from error
            if error.connection_invalidated:
                raise UnavailableError(
                    "PostgreSQL", self.database.address, first_line(error), remedy=REMEDY
                ) from error
            raise


def _open(tenant: str, connection: AsyncConnection) -> UnitOfWork:
    return UnitOfWork(
        tenant=tenant,
        definitions=Definitions(connection, tenant),
        runs=Runs(connection, tenant),
        steps=Steps(connection, tenant),
        api_keys=ApiKeys(connection, tenant),
    )
