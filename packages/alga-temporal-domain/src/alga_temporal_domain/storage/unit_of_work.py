"""One transaction of one tenant, and what is asked of all tenants."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.api_keys import ApiKeys
from alga_temporal_domain.storage.bundles import Bundles
from alga_temporal_domain.storage.compiled_code import CompiledCode
from alga_temporal_domain.storage.job_hosts import JobHosts
from alga_temporal_domain.storage.job_schedules import JobSchedules
from alga_temporal_domain.storage.jobs import Jobs
from alga_temporal_domain.storage.kept import Kept
from alga_temporal_domain.storage.outgoing import Outgoing
from alga_temporal_domain.storage.projects import Projects
from alga_temporal_domain.storage.sla import SlaItems
from alga_temporal_domain.storage.tenants import Tenants
from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.auth import KeyHolder
from alga_workflows_core.infra.database import Database, first_line, sqlstate

# Inside, the connection acts as the role that row-level security holds for, whoever the login is.
_ENTER = text("""
    SELECT set_config('search_path', 'alga_domain, pg_temp', true),
           set_config('role', 'alga_workflows', true),
           set_config('alga.tenant', :tenant, true)
""")
_IMMUTABLE = "AW002"
_NO_TENANT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """The repositories of one tenant in one transaction, which commits when the block ends well."""

    tenant: str
    projects: Projects
    bundles: Bundles
    compiled_code: CompiledCode
    kept: Kept
    api_keys: ApiKeys
    tenants: Tenants
    jobs: Jobs
    job_schedules: JobSchedules
    job_hosts: JobHosts
    sla: SlaItems
    outgoing: Outgoing


class DomainStorage:
    """The way to rows. UnavailableError when PostgreSQL cannot be reached."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def unit_of_work(self, tenant: str) -> AsyncGenerator[UnitOfWork]:
        """A READ COMMITTED transaction; ConflictError where a row refuses the change."""
        async with self.transaction(tenant) as connection:
            yield UnitOfWork(
                tenant=tenant,
                projects=Projects(connection, tenant),
                bundles=Bundles(connection, tenant),
                compiled_code=CompiledCode(connection, tenant),
                kept=Kept(connection, tenant),
                api_keys=ApiKeys(connection, tenant),
                tenants=Tenants(connection, tenant),
                jobs=Jobs(connection, tenant),
                job_schedules=JobSchedules(connection, tenant),
                job_hosts=JobHosts(connection, tenant),
                sla=SlaItems(connection, tenant),
                outgoing=Outgoing(connection, tenant),
            )

    @asynccontextmanager
    async def transaction(self, tenant: str = _NO_TENANT) -> AsyncGenerator[AsyncConnection]:
        """A unit of work without repositories; without a tenant for functions across tenants."""
        with self.database.outage_as_unavailable(), _refusal_as_conflict():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"tenant": tenant})
                yield connection

    async def authenticate(self, key_hash: str) -> KeyHolder | None:
        """The holder of the key with this hash, unless it was revoked."""
        statement = text("SELECT tenant, key_id, role FROM authenticate(:key_hash)")
        async with self.transaction() as connection:
            row = (await connection.execute(statement, {"key_hash": key_hash})).one_or_none()
            return None if row is None else KeyHolder(row.tenant, row.key_id, row.role)

    async def projects_to_collect(self, at_most: int) -> list[tuple[str, UUID]]:
        """Projects whose builder's rows have changed since they became a bundle: (tenant, id)."""
        statement = text("SELECT tenant, project_id FROM projects_to_collect(:at_most)")
        async with self.transaction() as connection:
            rows = await connection.execute(statement, {"at_most": at_most})
            return [(row.tenant, row.project_id) for row in rows]


@contextmanager
def _refusal_as_conflict() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) != _IMMUTABLE:
            raise
        raise ConflictError(f"The database refused the change: {first_line(error)}.") from error
