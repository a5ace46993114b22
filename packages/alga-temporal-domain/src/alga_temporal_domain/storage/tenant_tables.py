"""The tables that hold rows of tenants, as PostgreSQL's catalogue knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from alga_temporal_domain.storage.unit_of_work import DomainStorage

# `allowed`: what the erasing role may do there, and that a table with row-level security has a
# policy for it; without one it would see no rows and believe that there are none.
_TABLES = text("""
    SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, k.attname AS key,
        format_type(k.atttypid, k.atttypmod) AS key_type,
        ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS columns,
        ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY
                  AS at (number, place)
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = at.number
              WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY at.place) AS primary_key,
        has_schema_privilege(:role, n.oid, 'USAGE')
            AND has_table_privilege(:role, c.oid, 'SELECT')
            AND has_table_privilege(:role, c.oid, 'UPDATE')
            AND has_table_privilege(:role, c.oid, 'DELETE')
            AND (NOT c.relrowsecurity OR EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive
                AND p.polroles && ARRAY[0::oid, (SELECT oid FROM pg_roles WHERE rolname = :role)]
            )) AS allowed
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT a.attname::text AS attname, a.atttypid, a.atttypmod FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = ANY(:columns) AND NOT a.attisdropped
        ORDER BY array_position(CAST(:columns AS text[]), a.attname::text) LIMIT 1
    ) k
    WHERE c.relkind = 'r' AND n.nspname = ANY(:schemas)
    ORDER BY n.nspname, c.relname
""")
_FOREIGN_KEYS = text("""
    SELECT f.conrelid::bigint AS child, f.confrelid::bigint AS parent, f.conname AS name,
        f.conrelid::regclass::text AS child_name, f.confrelid::regclass::text AS parent_name,
        f.confdeltype::text IN ('c', 'n', 'd') AS yields,
        ARRAY(SELECT a.attname::text FROM unnest(f.conkey) AS at (number)
              JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = at.number
              WHERE NOT a.attnotnull) AS nullable
    FROM pg_constraint f
    WHERE f.contype = 'f' AND f.confrelid = ANY(CAST(:oids AS bigint[])::oid[])
    ORDER BY f.conrelid, f.conname
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTable:
    """A table with a column (`key`) that says whose a row is. `allowed`: whether its rows can be
    read and erased."""

    oid: int
    schema: str
    name: str
    key: str
    key_type: str
    columns: Sequence[str]
    primary_key: Sequence[str]
    allowed: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Rows of `child` refer to rows of `parent`. `nullable`: the columns of it that may be null.
    `yields`: the database itself deletes or empties children."""

    child: int
    parent: int
    name: str
    child_name: str
    parent_name: str
    nullable: Sequence[str]
    yields: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantCatalogue:
    """Every table with rows of tenants, and what refers to them."""

    tables: Sequence[TenantTable]
    foreign_keys: Sequence[ForeignKey]


async def tenant_catalogue(
    storage: DomainStorage, *, schemas: Sequence[str], columns: Sequence[str], role: str
) -> TenantCatalogue:
    """Tables of `schemas` with one of `columns`, the first that they have."""
    where: dict[str, Any] = {"schemas": list(schemas), "columns": list(columns), "role": role}
    async with storage.transaction() as connection:
        tables = [
            TenantTable(**row) for row in (await connection.execute(_TABLES, where)).mappings()
        ]
        oids = {"oids": [table.oid for table in tables]}
        found = (await connection.execute(_FOREIGN_KEYS, oids)).mappings()
        return TenantCatalogue(tables=tables, foreign_keys=[ForeignKey(**row) for row in found])
