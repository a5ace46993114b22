"""Bring a database to the schema that this release expects, or say that it is not there.

Alembic keeps the revisions; its commands and `env.py` are not used, since they share one context
per process, and two databases may be migrated at the same time. A migration is its `SCRIPTS`, SQL
that is run in order and in one transaction. None is ever taken back; restore the database then.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.errors import ConflictError, SettingsError
from alga_workflows_core.infra.database import Database, first_line, sqlstate

VERSION_TABLE = "alga_workflows_core_version"
OLDEST_SERVER = 16

# One migration at a time, whichever process starts it: the key is the first 8 bytes of
# sha256("alga_workflows_core_version") as a signed integer. The lock is the session's, so it spans
# the transactions of all migrations and ends with the connection.
_LOCK = text("SELECT pg_advisory_lock(-1797818945110223197)")
_BECOME_WORKER = text("SET LOCAL ROLE alga_workflows")
_INSUFFICIENT_PRIVILEGE = "42501"


async def migrate(database: Database) -> tuple[str | None, str]:
    """Apply what is missing; returns the revision before and after. Safe to call concurrently.

    UnavailableError if the server cannot be reached; SettingsError if it is too old, or if the
    login may not change the schema; ConflictError if the schema is newer than this release.
    """
    with (
        database.outage_as_unavailable(),
        _missing_privilege(
            "change the schema",
            "Migrate with a login that owns the database and may create roles, or that was "
            "granted alga_workflows and alga_workflows_scan.",
        ),
    ):
        async with database.session() as connection:
            await connection.execute(_LOCK)
            before = await connection.run_sync(_current)
            _refuse_unknown(database, before)
            await connection.commit()
            await connection.run_sync(_upgrade, before)
            return before, expected_revision()


async def check_revision(database: Database) -> None:
    """Return if the database has the expected schema and the login may work with it.

    ConflictError if the schema is another one (`SCHEMA_OUTDATED`, `SCHEMA_TOO_NEW`), SettingsError
    if the login lacks a privilege, UnavailableError if the server cannot be reached.
    """
    with (
        database.outage_as_unavailable(),
        _missing_privilege("work with the schema", "Run GRANT alga_workflows TO that login."),
    ):
        async with database.connect() as connection:
            found = await connection.run_sync(_current)
            _refuse_unknown(database, found)
            if found == (expected := expected_revision()):
                await connection.execute(_BECOME_WORKER)
                return
    raise ConflictError(
        f"The database at {database.address} has schema revision {found or 'none'}; "
        f"this release needs {expected}.",
        code="SCHEMA_OUTDATED",
        remedy="Run `workflow-worker migrate`.",
    )


def expected_revision() -> str:
    """The newest revision in this wheel."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def _refuse_unknown(database: Database, found: str | None) -> None:
    scripts = _scripts().walk_revisions()
    if found is None or found in {script.revision for script in scripts}:
        return
    raise ConflictError(
        f"The database at {database.address} has schema revision {found}, which is newer than "
        f"this release ({expected_revision()}).",
        code="SCHEMA_TOO_NEW",
        remedy="Start a release that knows it.",
    )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(files("alga_workflows_core.storage").joinpath("migrations")))


def _current(connection: Connection) -> str | None:
    server = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
    if server < OLDEST_SERVER:
        raise SettingsError(
            f"The server is PostgreSQL {server}; {OLDEST_SERVER} is the oldest that will do.",
            code="DATABASE_TOO_OLD",
            remedy="Let DATABASE_URL name a newer server.",
        )
    return _context(connection).get_current_revision()


def _upgrade(connection: Connection, before: str | None) -> None:
    scripts, context = _scripts(), _context(connection)
    missing = list(scripts.iterate_revisions("head", before or "base"))
    for script in reversed(missing):
        with context.begin_transaction():
            context.stamp(scripts, script.revision)
            for sql in script.module.SCRIPTS:
                # Without parameters the driver takes several statements and leaves % alone.
                connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


@contextmanager
def _missing_privilege(what: str, remedy: str) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise SettingsError(
            f"The login of DATABASE_URL may not {what}: {first_line(error)}.",
            code="DATABASE_PRIVILEGES",
            remedy=remedy,
        ) from error
