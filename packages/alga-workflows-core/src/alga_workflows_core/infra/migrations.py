"""Bring a database to the schema that a release expects, or say that it is not there.

Alembic keeps the revisions; its commands and `env.py` are not used, since they share one context
per process, and two databases may be migrated at the same time. A migration is its `SCRIPTS`, SQL
that is run in order and in one transaction. None is ever taken back; restore the database then.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from alga_workflows_core.errors import ConflictError, SettingsError
from alga_workflows_core.infra.database import Database, first_line, sqlstate

OLDEST_SERVER = 16

_LOCK = text("SELECT pg_advisory_lock(:lock)")
_SEARCH_PATH = text("SELECT set_config('search_path', quote_ident(:name), false)")
_BECOME_WORKER = text("SET LOCAL ROLE alga_workflows")
_INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Tables with a history of their own.

    `package` holds the folder `migrations`; `version_table` says where a database is. They are in
    the PostgreSQL schema `name`, which is made; None: in the first one of the login's search path.
    One process migrates at a time: `lock` is the first 8 bytes of the sha256 of `version_table` as
    a signed integer. `command` is what a person runs to migrate.
    """

    package: str
    version_table: str
    lock: int
    command: str
    name: str | None = None

    async def migrate(self, database: Database) -> tuple[str | None, str]:
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
                # The lock is the session's, so it spans the transactions of all migrations and
                # ends with the connection.
                await connection.execute(_LOCK, {"lock": self.lock})
                await connection.run_sync(self._make)
                before = await connection.run_sync(self._current)
                self._refuse_unknown(database, before)
                await connection.commit()
                await connection.run_sync(self._upgrade, before)
                return before, self.expected_revision()

    async def check_revision(self, database: Database) -> None:
        """Return if the database has the expected schema and the login may work with it.

        ConflictError if the schema is another one (`SCHEMA_OUTDATED`, `SCHEMA_TOO_NEW`),
        SettingsError if the login lacks a privilege, UnavailableError if the server cannot be
        reached.
        """
        with (
            database.outage_as_unavailable(),
            _missing_privilege("work with the schema", "Run GRANT alga_workflows TO that login."),
        ):
            async with database.connect() as connection:
                found = await connection.run_sync(self._current)
                self._refuse_unknown(database, found)
                if found == (expected := self.expected_revision()):
                    await connection.execute(_BECOME_WORKER)
                    return
        raise ConflictError(
            f"The database at {database.address} has schema revision {found or 'none'}; "
            f"this release needs {expected}.",
            code="SCHEMA_OUTDATED",
            remedy=f"Run `{self.command}`.",
        )

    def expected_revision(self) -> str:
        """The newest revision in this wheel."""
        head = self._scripts().get_current_head()
        if head is None:
            raise RuntimeError("the package holds no migrations")
        return head

    def _refuse_unknown(self, database: Database, found: str | None) -> None:
        scripts = self._scripts().walk_revisions()
        if found is None or found in {script.revision for script in scripts}:
            return
        raise ConflictError(
            f"The database at {database.address} has schema revision {found}, which is newer than "
            f"this release ({self.expected_revision()}).",
            code="SCHEMA_TOO_NEW",
            remedy="Start a release that knows it.",
        )

    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory(str(files(self.package).joinpath("migrations")))

    def _make(self, connection: Connection) -> None:
        if self.name is None:
            return
        found = connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": self.name})
        if found is None:
            connection.execute(CreateSchema(self.name))
        connection.execute(_SEARCH_PATH, {"name": self.name})

    def _current(self, connection: Connection) -> str | None:
        server = connection.scalar(
            text("SELECT current_setting('server_version_num')::int / 10000")
        )
        if server < OLDEST_SERVER:
            raise SettingsError(
                f"The server is PostgreSQL {server}; {OLDEST_SERVER} is the oldest that will do.",
                code="DATABASE_TOO_OLD",
                remedy="Let DATABASE_URL name a newer server.",
            )
        return self._context(connection).get_current_revision()

    def _upgrade(self, connection: Connection, before: str | None) -> None:
        scripts, context = self._scripts(), self._context(connection)
        missing = list(scripts.iterate_revisions("head", before or "base"))
        for script in reversed(missing):
            with context.begin_transaction():
                context.stamp(scripts, script.revision)
                for sql in script.module.SCRIPTS:
                    # Without parameters the driver takes several statements and leaves % alone.
                    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})

    def _context(self, connection: Connection) -> MigrationContext:
        where = {"version_table": self.version_table, "version_table_schema": self.name}
        return MigrationContext.configure(connection, opts=where)


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
