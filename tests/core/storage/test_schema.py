"""The migrated database is what the code believes it to be, and is closed by default."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from alga_workflows_core.infra.database import Database
from alga_workflows_core.storage.columns import metadata
from alga_workflows_core.storage.migrate import SCHEMA

NOT_OF_TENANTS = {"alga_state_transitions", "alga_sweeps", SCHEMA.version_table}
ACROSS_TENANTS = {
    "alga_advertise_action",
    "alga_authenticate",
    "alga_claim_deliveries",
    "alga_claim_events",
    "alga_stage_event",
    "alga_claim_reconciling",
    "alga_claim_run_starts",
    "alga_claim_schedules",
    "alga_claim_sweep",
    "alga_claim_tasks",
    "alga_end_sweep",
    "alga_find_runs",
    "alga_forgotten_slots",
    "alga_find_webhook",
    "alga_tenants_with_events",
}
# Rows that every tenant may read and none may write, by the policy that says so.
SHARED = {("workflow_actions", "shared_rows"): ("SELECT", "(tenant = '*'::text)", None)}


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": SCHEMA.version_table,
            "compare_type": True,
            "compare_server_default": True,
        },
    )
    return list(compare_metadata(context, metadata))


async def test_tables_in_code_equal_tables_in_database(database: Database) -> None:
    """Columns, types, defaults, keys and indexes are the same on both sides."""
    async with database.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_every_table_of_tenants_is_under_forced_row_level_security(
    database: Database,
) -> None:
    """A new table that forgets it fails here; only the known exceptions belong to no tenant."""
    async with database.connect() as connection:
        tables = await connection.execute(
            text("""
                SELECT relname, relrowsecurity AND relforcerowsecurity AS forced
                FROM pg_class
                WHERE relkind IN ('r', 'p', 'm', 'f', 'v')
                  AND relnamespace = current_schema()::regnamespace
            """)
        )
        open_to_all = {row.relname for row in tables if not row.forced}
    assert open_to_all == NOT_OF_TENANTS


async def test_every_tenant_row_is_tied_to_the_tenant_by_a_policy_for_both_ways(
    database: Database,
) -> None:
    """What may be read and what may be written is the same: rows of the tenant that is set."""
    async with database.connect() as connection:
        policies = await connection.execute(
            text("""
                SELECT tablename, cmd, qual = with_check AS same,
                       qual ~ 'alga\\.tenant' AS by_tenant
                FROM pg_policies
                WHERE 'alga_workflows' = ANY (roles) AND policyname = 'tenant_rows'
            """)
        )
        others = await connection.execute(
            text("""
                SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies
                WHERE 'alga_workflows' = ANY (roles) AND policyname <> 'tenant_rows'
            """)
        )
        shared = {
            (row.tablename, row.policyname): (row.cmd, row.qual, row.with_check) for row in others
        }
        found = {row.tablename: (row.cmd, row.same, row.by_tenant) for row in policies}
    expected = {table.name for table in metadata.tables.values()} - NOT_OF_TENANTS
    assert found == dict.fromkeys(expected, ("ALL", True, True))
    assert shared == SHARED


async def test_functions_that_look_across_tenants_are_few_and_closed(database: Database) -> None:
    """A definer function has a fixed search path, is not for everybody, and its owner is a role
    that cannot log in and sees only what policies name."""
    async with database.connect() as connection:
        functions = await connection.execute(
            text("""
                SELECT p.proname, p.proconfig, p.proacl::text[] AS acl, o.rolname AS owner,
                       o.rolcanlogin OR o.rolsuper OR o.rolbypassrls AS strong
                FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
                WHERE p.prosecdef AND p.pronamespace = current_schema()::regnamespace
            """)
        )
        found = {row.proname: row for row in functions}
    assert set(found) == ACROSS_TENANTS
    for row in found.values():
        assert row.proconfig == ["search_path=public, pg_temp"]
        assert sorted(row.acl) == [
            "alga_workflows=X/alga_workflows_scan",
            "alga_workflows_scan=X/alga_workflows_scan",
        ]
        assert row.owner == "alga_workflows_scan"
        assert not row.strong


async def test_every_function_resolves_names_in_the_schema_it_was_made_in(
    database: Database,
) -> None:
    """A temporary table of the same name, or another search path, cannot mislead a trigger."""
    async with database.connect() as connection:
        unpinned = await connection.execute(
            text("""
                SELECT proname FROM pg_proc
                WHERE pronamespace = current_schema()::regnamespace
                  AND proconfig IS DISTINCT FROM ARRAY['search_path=public, pg_temp']
            """)
        )
        assert unpinned.scalars().all() == []


async def test_roles_cannot_log_in_and_bypass_nothing(database: Database) -> None:
    """Both roles hold only what is granted to them, and neither inherits what another one may.

    Where the domain shares the server, `alga_workflows` may act as the role that erases tenants.
    """
    async with database.connect() as connection:
        roles = await connection.execute(
            text("""
                SELECT rolname, rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole
                       OR rolcreatedb OR rolreplication AS strong,
                       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid
                               AND (m.inherit_option OR m.admin_option)) AS inherits
                FROM pg_roles r WHERE rolname IN ('alga_workflows', 'alga_workflows_scan')
            """)
        )
        found = {row.rolname: (row.strong, row.inherits) for row in roles}
    assert found == {"alga_workflows": (False, False), "alga_workflows_scan": (False, False)}
