"""The builder works with the tables of its document."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings
from alga_workflows_core.testing.databases import TestDatabases


@pytest_asyncio.fixture
async def builder(domain_settings: DatabaseSettings) -> AsyncGenerator[psycopg.AsyncConnection]:
    """A connection as a builder has one: it knows nothing of our schema."""
    url = domain_settings.sqlalchemy_url.set(drivername="postgresql")
    async with await psycopg.AsyncConnection.connect(
        url.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        yield connection


async def one(connection: psycopg.AsyncConnection, sql: str, *values: Any) -> Any:
    """The first column of the one row."""
    row = await (await connection.execute(sql.encode(), values)).fetchone()
    assert row is not None
    return row[0]


async def test_code_of_a_workflow_belongs_to_its_project(
    builder: psycopg.AsyncConnection, domain_storage: DomainStorage
) -> None:
    """Inserted by the document's statements, under its names; the project is to be collected."""
    project: UUID = await one(
        builder,
        "INSERT INTO projects (name, task_queue_name) VALUES ('Billing', 'u-billing') RETURNING id",
    )
    workflow: UUID = await one(
        builder,
        "INSERT INTO workflows (project_id, name) VALUES (%s, 'w') RETURNING id",
        project,
    )
    await builder.execute(
        "INSERT INTO workflow_compiled_code (workflow_id, version, workflow_code, activities_code,"
        " worker_code, package_json, tsconfig_json) VALUES (%s, '1', 'x = 1', '', '', '', '')",
        [workflow],
    )
    assert await domain_storage.projects_to_collect(5) == [("default", project)]
    async with domain_storage.unit_of_work("default") as work:
        (row,) = await work.compiled_code.active(project)
    assert (row.workflow_id, row.workflow_code, row.is_python) == (workflow, "x = 1", True)


async def test_code_of_nobody_is_refused(builder: psycopg.AsyncConnection) -> None:
    """The error says what to do."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="set project_id"):
        await builder.execute(
            "INSERT INTO workflow_compiled_code (workflow_id, version, workflow_code)"
            " VALUES (gen_random_uuid(), '1', '')"
        )


async def test_tables_of_others_are_left_alone(databases: TestDatabases) -> None:
    """A name that is taken in `public` stays what it is; the rest works."""
    async with databases.empty() as url:
        settings = DatabaseSettings.model_validate({"DATABASE_URL": url})
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("CREATE TABLE projects (mine text)")
            database = Database(settings)
            try:
                await SCHEMA.migrate(database)
                await SCHEMA.check_revision(database)
            finally:
                await database.close()
            await connection.execute("INSERT INTO projects (mine) VALUES ('still')")
            assert await one(connection, "SELECT count(*) FROM workflow_compiled_code") == 0


async def test_no_bundle_is_ever_changed(domain_storage: DomainStorage) -> None:
    """Not even by the role that may insert them."""
    project = UUID(int=1)
    async with domain_storage.unit_of_work("t") as work:
        await work.projects.add(project, name="p", description=None, actor="a", queue=None)
        add = work.bundles.add
        assert await add(project, "a" * 64, manifest={}, files={}, actor="a")
        assert not await add(project, "a" * 64, manifest={}, files={}, actor="b")
    with pytest.raises(Exception, match=r"never changed|permission denied"):
        async with domain_storage.transaction("t") as connection:
            await connection.exec_driver_sql("UPDATE code_bundles SET files = '{}'")


async def test_tenants_do_not_see_each_other(domain_storage: DomainStorage) -> None:
    """Neither projects nor keys."""
    async with domain_storage.unit_of_work("one") as work:
        await work.projects.add(UUID(int=2), name="p", description=None, actor="a", queue=None)
        await work.api_keys.add(UUID(int=3), name="k", role="admin", key_hash="h")
    async with domain_storage.unit_of_work("two") as work:
        assert await work.projects.get(UUID(int=2)) is None
        assert await work.projects.page(None, 5) == []
        assert await work.api_keys.list() == []
    holder = await domain_storage.authenticate("h")
    assert holder is not None
    assert holder.tenant == "one"
