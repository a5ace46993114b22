"""A database gets the expected schema once, whoever asks for it, or says what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import text

from alga_workflows_core.errors import ConflictError, SettingsError
from alga_workflows_core.infra import migrations as migrate_module
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.testing.databases import TestDatabases

HEAD = SCHEMA.expected_revision()


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """A pool on the database at `url`."""
    database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
    try:
        yield database
    finally:
        await database.close()


async def set_revision(database: Database, revision: str) -> None:
    """Let the database be at another revision."""
    async with database.engine.begin() as connection:
        await connection.execute(
            text(f"UPDATE {SCHEMA.version_table} SET version_num = :revision"),  # noqa: S608
            {"revision": revision},
        )


async def test_migrating_tells_the_revision_before_and_after(databases: TestDatabases) -> None:
    """None for a database without our schema; the second time nothing changes."""
    async with databases.empty() as url, opened(url) as database:
        assert await SCHEMA.migrate(database) == (None, HEAD)
        await SCHEMA.check_revision(database)
        assert await SCHEMA.migrate(database) == (HEAD, HEAD)
        await SCHEMA.check_revision(database)


async def test_an_empty_database_is_outdated(databases: TestDatabases) -> None:
    """The error names what was found and needed, and the command that helps."""
    async with databases.empty() as url, opened(url) as database:
        with pytest.raises(ConflictError) as caught:
            await SCHEMA.check_revision(database)
        assert caught.value.error_code == "SCHEMA_OUTDATED"
        assert f"has schema revision none; this release needs {HEAD}" in str(caught.value)
        assert "workflow-worker migrate" in str(caught.value)


async def test_a_newer_schema_is_refused_and_not_touched(database: Database) -> None:
    """An older release neither works with it nor migrates it."""
    await set_revision(database, "9999")
    for attempt in (SCHEMA.check_revision, SCHEMA.migrate):
        with pytest.raises(ConflictError, match="9999, which is newer") as caught:
            await attempt(database)
        assert caught.value.error_code == "SCHEMA_TOO_NEW"
    async with database.connect() as connection:
        found = await connection.scalar(text(f"SELECT version_num FROM {SCHEMA.version_table}"))  # noqa: S608
    assert found == "9999"


async def test_a_server_that_is_too_old_is_named(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of a failure somewhere in the middle."""
    monkeypatch.setattr(migrate_module, "OLDEST_SERVER", 99)
    for attempt in (SCHEMA.check_revision, SCHEMA.migrate):
        with pytest.raises(SettingsError, match="99 is the oldest that will do"):
            await attempt(database)


async def test_four_may_migrate_one_database_at_the_same_time(databases: TestDatabases) -> None:
    """One of them does it, the others wait and find it done."""
    async with databases.empty() as url, AsyncExitStack() as stack:
        four = [await stack.enter_async_context(opened(url)) for _ in range(4)]
        outcomes = await asyncio.gather(*(SCHEMA.migrate(database) for database in four))
        assert sorted(before or "" for before, _ in outcomes) == ["", HEAD, HEAD, HEAD]
        assert {after for _, after in outcomes} == {HEAD}
        await SCHEMA.check_revision(four[0])


async def test_a_migration_that_fails_leaves_nothing_and_no_lock(databases: TestDatabases) -> None:
    """Once what was in the way is gone, the next attempt succeeds."""
    async with databases.empty() as url, opened(url) as database:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE alga_api_keys ()"))
        with pytest.raises(Exception, match="alga_api_keys"):
            await SCHEMA.migrate(database)
        async with database.engine.begin() as connection:
            tables = await connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            )
            assert set(tables.scalars()) - {SCHEMA.version_table} == {"alga_api_keys"}
            await connection.execute(text("DROP TABLE alga_api_keys"))
        async with asyncio.timeout(10):
            assert await SCHEMA.migrate(database) == (None, HEAD)
