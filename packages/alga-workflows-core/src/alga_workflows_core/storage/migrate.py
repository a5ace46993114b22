"""Bring a database to the schema that this release expects, or say that it is not there."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.database import Database

VERSION_TABLE = "alga_workflows_core_version"

# One migration at a time, whichever process starts it: the key is the first 8 bytes of
# sha256("alga_workflows_core_version") as a signed integer.
MIGRATION_LOCK = -1797818945110223197


async def migrate(database: Database) -> tuple[str | None, str]:
    """Apply what is missing; returns the revision before and after. Safe to call concurrently."""
    async with database.connect() as connection:
        before = await connection.run_sync(_upgrade)
        await connection.commit()
        return before, expected_revision()


async def check_revision(database: Database) -> None:
    """Return if the database has the expected schema; ConflictError otherwise."""
    async with database.connect() as connection:
        found = await connection.run_sync(_current)
    expected = expected_revision()
    if found == expected:
        return
    if found is not None and found not in _known_revisions():
        raise ConflictError(
            f"The database at {database.address} has schema revision {found}, which is newer than "
            f"this release ({expected}).",
            code="SCHEMA_TOO_NEW",
            remedy="Start a release that knows it.",
        )
    raise ConflictError(
        f"The database at {database.address} has schema revision {found or 'none'}; "
        f"this release needs {expected}.",
        code="SCHEMA_OUTDATED",
        remedy="Run `workflow-worker migrate`.",
    )


def expected_revision() -> str:
    """The newest revision in this wheel."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(files("alga_workflows_core.storage").joinpath("migrations"))
    )
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def _upgrade(connection: Connection) -> str | None:
    # The lock is the session's, so it spans the transactions of all migrations.
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    try:
        before = _current(connection)
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
    return before
