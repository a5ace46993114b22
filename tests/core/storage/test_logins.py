"""The schema works with logins that are no superusers, each with no more than it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.database import Database, sqlstate
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.columns import metadata
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.runs import NewRun
from alga_workflows_core.storage.unit_of_work import Storage

OWNER, WORKER = "owner", "worker"
HEAD = SCHEMA.expected_revision()


class Cluster:
    """A server without our roles, and its superuser."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Statements of the superuser."""
        connection = await psycopg.AsyncConnection.connect(
            self._server.url(database), autocommit=True
        )
        async with connection:
            for statement in statements:
                await connection.execute(statement.encode())

    async def names(self, query: str) -> list[str]:
        """The first column of what `query` finds."""
        connection = await psycopg.AsyncConnection.connect(self._server.url())
        async with connection:
            found = await connection.execute(query.encode())
            return [row[0] for row in await found.fetchall()]

    @asynccontextmanager
    async def open(self, login: str, database: str = "orders") -> AsyncGenerator[Storage]:
        """Storage as `login`."""
        url = make_url(self._server.url(database)).set(username=login)
        settings = load(DatabaseSettings, {"DATABASE_URL": url.render_as_string()})
        opened = Database(settings)
        try:
            yield Storage(opened)
        finally:
            await opened.close()

    async def clear(self) -> None:
        """Drop every database and role that tests made."""
        databases = await self.names(
            "SELECT datname FROM pg_database WHERE datname <> 'postgres' AND NOT datistemplate"
        )
        roles = await self.names("SELECT rolname FROM pg_roles WHERE oid >= 16384")
        for name in databases:
            await self.execute(_named("DROP DATABASE {} WITH (FORCE)", name))
        if roles:  # in one statement, since they may have granted each other
            await self.execute(_named("DROP ROLE {}", *roles))


def _named(statement: str, *names: str) -> str:
    listed = sql.SQL(", ").join(map(sql.Identifier, names)).as_string(None)
    return statement.format(listed)


@pytest_asyncio.fixture
async def cluster(bare_server: PostgresServer) -> AsyncGenerator[Cluster]:
    """A server with nothing of ours on it."""
    cluster = Cluster(bare_server)
    yield cluster
    await cluster.clear()


async def launch(storage: Storage, *tenants: str) -> Sequence[tuple[str, UUID]]:
    """A queued run of each tenant."""
    launched: list[tuple[str, UUID]] = []
    for tenant in tenants:
        run_id = uuid4()
        async with storage.unit_of_work(tenant) as work:
            await work.runs.add(
                NewRun(
                    id=run_id,
                    definition_id="triage",
                    version=1,
                    trigger_type="api",
                    execution_key="key",
                    request_hash="hash",
                    payload={"of": tenant},
                    created_by="test",
                )
            )
        launched.append((tenant, run_id))
    return launched


async def works_with(storage: Storage) -> None:
    """Everything that a worker does, for two tenants."""
    await SCHEMA.check_revision(storage.database)
    launched = await launch(storage, "acme", "globex")
    assert await storage.across.claim_run_starts(10, timedelta(hours=1)) == launched
    for tenant, run_id in launched:
        async with storage.unit_of_work(tenant) as work:
            assert [run.id for run in await work.runs.list(after=None, limit=10)] == [run_id]
            await work.api_keys.add(uuid4(), name="k", role="admin", key_hash=f"of {tenant}")
        holder = await storage.across.authenticate(f"of {tenant}")
        assert holder is not None
        assert holder.tenant == tenant


async def visible_without_a_tenant(storage: Storage) -> dict[str, int]:
    """How many rows of tenants the login sees on a plain connection, by table."""
    visible: dict[str, int] = {}
    for table in metadata.tables.values():
        if "tenant" in table.columns:
            async with storage.database.connect() as connection:
                visible[table.name] = len((await connection.execute(table.select())).all())
    return visible


async def test_an_owner_that_may_create_roles_migrates_and_works(cluster: Cluster) -> None:
    """It needs no superuser at any time, and owning the tables lets it see no tenant's rows."""
    await cluster.execute(
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE", f"CREATE DATABASE orders OWNER {OWNER}"
    )
    async with cluster.open(OWNER) as storage:
        assert await SCHEMA.migrate(storage.database) == (None, HEAD)
        await works_with(storage)
        assert not any((await visible_without_a_tenant(storage)).values())


async def test_an_owner_whose_schema_has_its_name_works_too(cluster: Cluster) -> None:
    """The schema is found although "$user" in the search path means another role inside."""
    await cluster.execute(
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE", f"CREATE DATABASE orders OWNER {OWNER}"
    )
    await cluster.execute(f"CREATE SCHEMA AUTHORIZATION {OWNER}", database="orders")
    async with cluster.open(OWNER) as storage:
        await SCHEMA.migrate(storage.database)
        await works_with(storage)
        async with storage.database.connect() as connection:
            schema = await connection.scalar(
                text("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = :name"),
                {"name": "workflow_runs"},
            )
    assert schema == OWNER


async def test_roles_that_a_dba_made_are_enough_for_an_owner_that_cannot(cluster: Cluster) -> None:
    """The two roles exist and were granted; the login may create none."""
    await cluster.execute(
        f"CREATE ROLE {OWNER} LOGIN",
        f"CREATE DATABASE orders OWNER {OWNER}",
        "CREATE ROLE alga_workflows",
        "CREATE ROLE alga_workflows_scan",
        f"GRANT alga_workflows, alga_workflows_scan TO {OWNER}",
    )
    async with cluster.open(OWNER) as storage:
        await SCHEMA.migrate(storage.database)
        await works_with(storage)


@pytest.mark.parametrize(
    ("prepared", "told"),
    [
        ((), "create role"),
        (("CREATE ROLE alga_workflows", "CREATE ROLE alga_workflows_scan"), "grant role"),
    ],
    ids=["no roles", "roles not granted"],
)
async def test_an_owner_that_cannot_have_the_roles_is_told_so(
    cluster: Cluster, prepared: Sequence[str], told: str
) -> None:
    """SettingsError with the reason and the way out, and nothing is left of the attempt."""
    await cluster.execute(
        f"CREATE ROLE {OWNER} LOGIN", f"CREATE DATABASE orders OWNER {OWNER}", *prepared
    )
    async with cluster.open(OWNER) as storage:
        with pytest.raises(SettingsError, match=told) as caught:
            await SCHEMA.migrate(storage.database)
        assert caught.value.error_code == "DATABASE_PRIVILEGES"
        assert "may create roles" in str(caught.value)
        async with storage.database.connect() as connection:
            assert await connection.scalar(text("SELECT to_regclass('workflow_runs')")) is None


@pytest.mark.parametrize("attribute", ["LOGIN", "BYPASSRLS", "SUPERUSER"])
async def test_a_role_that_is_stronger_than_it_must_be_is_refused(
    cluster: Cluster, attribute: str
) -> None:
    """A role of that name that was made for something else would see every tenant."""
    await cluster.execute("CREATE DATABASE orders", f"CREATE ROLE alga_workflows {attribute}")
    async with cluster.open("postgres") as storage:
        with pytest.raises(SettingsError, match="alga_workflows is not NOSUPERUSER NOBYPASSRLS"):
            await SCHEMA.migrate(storage.database)


@pytest_asyncio.fixture
async def worker(cluster: Cluster) -> AsyncGenerator[Storage]:
    """A migrated database, as a login that was granted `alga_workflows` and nothing else."""
    await cluster.execute(
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE",
        f"CREATE DATABASE orders OWNER {OWNER}",
        f"CREATE DATABASE empty OWNER {OWNER}",
    )
    async with cluster.open(OWNER) as owner:
        await SCHEMA.migrate(owner.database)
        async with owner.database.engine.begin() as connection:
            await connection.execute(text(f"CREATE ROLE {WORKER} LOGIN"))
            await connection.execute(text(f"GRANT alga_workflows TO {WORKER}"))
    async with cluster.open(WORKER) as storage:
        yield storage


async def test_a_login_that_was_granted_the_role_works(worker: Storage) -> None:
    """It runs, claims and authenticates for every tenant; migrating finds nothing to do."""
    assert await SCHEMA.migrate(worker.database) == (HEAD, HEAD)
    await works_with(worker)


async def test_a_login_that_was_granted_the_role_cannot_migrate(
    cluster: Cluster, worker: Storage
) -> None:
    """SettingsError that says which login can."""
    async with cluster.open(WORKER, "empty") as storage:
        with pytest.raises(SettingsError, match="may not change the schema") as caught:
            await SCHEMA.migrate(storage.database)
    assert "owns the database" in str(caught.value)


async def test_a_login_that_was_granted_the_role_sees_one_tenant_at_a_time(
    worker: Storage,
) -> None:
    """None without a tenant, and with one no other's."""
    await launch(worker, "acme", "globex")
    assert not any((await visible_without_a_tenant(worker)).values())
    async with worker.database.engine.begin() as connection:
        await connection.execute(text("SELECT set_config('alga.tenant', 'acme', true)"))
        tenants = await connection.execute(text("SELECT tenant FROM workflow_runs"))
        assert tenants.scalars().all() == ["acme"]


FORBIDDEN = (
    "ALTER TABLE workflow_runs DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE workflow_runs DISABLE TRIGGER ALL",
    "DROP POLICY tenant_rows ON workflow_runs",
    "SET ROLE alga_workflows_scan",
    "DELETE FROM workflow_runs",
    "TRUNCATE workflow_runs",
    "INSERT INTO alga_state_transitions VALUES ('run', 'FAILED', 'RUNNING', false)",
    "UPDATE alga_workflows_core_version SET version_num = '9999'",
    "CREATE TABLE public.mine ()",
)


async def test_a_login_that_was_granted_the_role_cannot_free_itself(worker: Storage) -> None:
    """What keeps tenants apart and states legal is not its own to change."""

    async def attempt(statement: str) -> None:
        async with worker.database.engine.begin() as connection:
            await connection.execute(text(statement))

    for statement in FORBIDDEN:
        with pytest.raises(DBAPIError) as caught:
            await attempt(statement)
        assert sqlstate(caught.value) == "42501", statement


async def test_a_login_without_the_role_is_told_which_one_it_needs(
    cluster: Cluster, worker: Storage
) -> None:
    """At start, before it fails on the first transaction."""
    await cluster.execute("CREATE ROLE stranger LOGIN")
    async with cluster.open("stranger") as storage:
        with pytest.raises(SettingsError, match="GRANT alga_workflows TO") as caught:
            await SCHEMA.check_revision(storage.database)
        assert caught.value.error_code == "DATABASE_PRIVILEGES"
        assert not sum((await readable_tables(storage)).values())


async def readable_tables(storage: Storage) -> dict[str, bool]:
    """Whether a plain connection may read each table, by name."""
    readable: dict[str, bool] = {}
    for table in metadata.tables.values():
        async with storage.database.connect() as connection:
            readable[table.name] = bool(
                await connection.scalar(
                    text("SELECT has_table_privilege(:name, 'SELECT')"), {"name": table.name}
                )
            )
    return readable


@pytest.mark.parametrize("login", ["postgres", OWNER])
async def test_databases_of_one_server_may_be_migrated_at_the_same_time(
    cluster: Cluster, login: str
) -> None:
    """Roles belong to the server: whoever comes first makes them, the others find them."""
    names = [f"orders{number}" for number in range(4)]
    await cluster.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
    for name in names:
        await cluster.execute(f"CREATE DATABASE {name} OWNER {login}")

    async def prepare(name: str) -> None:
        async with cluster.open(login, name) as storage:
            assert await SCHEMA.migrate(storage.database) == (None, HEAD)
            await works_with(storage)

    await asyncio.gather(*(prepare(name) for name in names))
