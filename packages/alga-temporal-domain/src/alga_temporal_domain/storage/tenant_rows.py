"""All rows of one tenant, wherever they are: read in one snapshot, or erased."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.tenant_tables import TenantTable
from alga_temporal_domain.storage.unit_of_work import DomainStorage

ERASING_ROLE = "alga_workflows_erase"
"""The only role that deletes what is never changed."""

_ENTER = text("""
    SELECT set_config('search_path', 'pg_catalog, public, pg_temp', true),
           set_config('role', 'alga_workflows_erase', true),
           set_config('alga.tenant', :tenant, true)
""")


class Snapshot:
    """The rows of a tenant at one moment."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def rows(
        self, table: TenantTable, columns: Sequence[str], *, at_a_time: int
    ) -> AsyncIterator[list[str]]:
        """Rows as JSON objects of these columns, `at_a_time`, in the order of the primary key."""
        order = ", ".join(f"t.{_quoted(name)}" for name in table.primary_key)
        statement = text(
            f"SELECT row_to_json(r)::text FROM (SELECT {_listed('t', columns)} "  # noqa: S608
            f"FROM {_name(table)} t WHERE {_whose(table)}"
            + (f" ORDER BY {order}" if order else "")
            + ") r"
        ).execution_options(yield_per=at_a_time)
        async with self._connection.stream(statement, {"tenant": self._tenant}) as result:
            async for part in result.scalars().partitions(at_a_time):
                yield list(part)


@asynccontextmanager
async def snapshot(storage: DomainStorage, tenant: str) -> AsyncGenerator[Snapshot]:
    """One REPEATABLE READ transaction that only reads."""
    with storage.database.outage_as_unavailable():
        async with storage.database.engine.connect() as connection:
            await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            async with connection.begin():
                await connection.execute(_ENTER, {"tenant": tenant})
                yield Snapshot(connection, tenant)


class TenantEraser:
    """Takes a tenant's rows away, some at a time; each call is a transaction."""

    def __init__(self, storage: DomainStorage, tenant: str, *, at_a_time: int) -> None:
        self._storage = storage
        self._tenant = tenant
        self._at_a_time = at_a_time

    async def delete_some(self, table: TenantTable) -> int:
        """How many rows are gone; fewer than `at_a_time` if there are no more."""
        return await self._change(
            f"DELETE FROM {_name(table)} WHERE ctid = ANY(ARRAY("  # noqa: S608 (quoted)
            f"SELECT t.ctid FROM {_name(table)} t WHERE {_whose(table)} LIMIT :at_a_time))"
        )

    async def empty_some(self, table: TenantTable, columns: Sequence[str]) -> int:
        """Set columns to null in some rows where one is not; in how many."""
        nulls = ", ".join(f"{_quoted(name)} = NULL" for name in columns)
        filled = " OR ".join(f"t.{_quoted(name)} IS NOT NULL" for name in columns)
        return await self._change(
            f"UPDATE {_name(table)} SET {nulls} WHERE ctid = ANY(ARRAY("  # noqa: S608 (as above)
            f"SELECT t.ctid FROM {_name(table)} t WHERE {_whose(table)} AND ({filled})"
            f" LIMIT :at_a_time))"
        )

    async def delete_together(self, tables: Sequence[TenantTable]) -> int:
        """Every row of tables that refer to each other, in one statement, at the end of which
        PostgreSQL looks at foreign keys; how many."""
        parts = ", ".join(
            f"d{number} AS (DELETE FROM {_name(table)} t "  # noqa: S608 (names are quoted)
            f"WHERE {_whose(table)} RETURNING 1)"
            for number, table in enumerate(tables)
        )
        sums = " + ".join(
            f"(SELECT count(*) FROM d{number})"  # noqa: S608 (ours)
            for number in range(len(tables))
        )
        async with self._transaction() as connection:
            statement = text(f"WITH {parts} SELECT {sums}")
            return (await connection.execute(statement, {"tenant": self._tenant})).scalar_one()

    async def count(self, table: TenantTable) -> int:
        """The rows that are left."""
        statement = text(f"SELECT count(*) FROM {_name(table)} t WHERE {_whose(table)}")  # noqa: S608
        async with self._transaction() as connection:
            return (await connection.execute(statement, {"tenant": self._tenant})).scalar_one()

    async def _change(self, statement: str) -> int:
        values = {"tenant": self._tenant, "at_a_time": self._at_a_time}
        async with self._transaction() as connection:
            return (await connection.execute(text(statement), values)).rowcount

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[AsyncConnection]:
        async with self._storage.transaction(self._tenant) as connection:
            await connection.execute(_ENTER, {"tenant": self._tenant})
            yield connection


def _quoted(name: str) -> str:
    # A colon would begin a parameter.
    return '"' + name.replace('"', '""').replace(":", "\\:") + '"'


def _name(table: TenantTable) -> str:
    return f"{_quoted(table.schema)}.{_quoted(table.name)}"


def _listed(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{_quoted(name)}" for name in columns)


def _whose(table: TenantTable) -> str:
    # As text, whatever the column's type: a host may have uuids, where ours are text.
    if table.key_type == "text":
        return f"t.{_quoted(table.key)} = :tenant"
    return f"t.{_quoted(table.key)}\\:\\:text = :tenant"
