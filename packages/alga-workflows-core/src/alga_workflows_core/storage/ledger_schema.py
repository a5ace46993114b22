"""The ledger's table, in our database and in that of any service that serves actions.

The ledger has to be where an action writes, so that both commit together: a service that keeps its
own data installs it there, where neither our roles nor our other tables are.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The first 8 bytes of sha256("alga_action_ledger") as a signed integer. CREATE TABLE IF NOT EXISTS
# fails when two of them run at the same time.
_LOCK = text("SELECT pg_advisory_xact_lock(6067692572941879837)")
_EXISTS = text("SELECT to_regclass(format('%I.alga_action_ledger', current_schema())) IS NOT NULL")

LEDGER_TABLE = """
CREATE TABLE IF NOT EXISTS alga_action_ledger (
    tenant text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    step text NOT NULL,
    series integer NOT NULL,
    action_id text NOT NULL,
    version integer NOT NULL,
    authored_key text,
    input_hash text NOT NULL,
    state text NOT NULL CHECK (state IN ('CLAIMED', 'SUCCEEDED', 'FAILED', 'UNKNOWN')),
    fence bigint NOT NULL,
    claimed_by uuid NOT NULL,
    lease_until timestamptz,
    output json,
    error json,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    PRIMARY KEY (tenant, id)
);
ALTER TABLE alga_action_ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE alga_action_ledger FORCE ROW LEVEL SECURITY;
"""
"""Installed databases have it; what is to change comes in a script of its own."""

_POLICY = """
CREATE POLICY tenant_rows ON alga_action_ledger TO {role}
USING (tenant = nullif(current_setting('alga.tenant', true), ''))
WITH CHECK (tenant = nullif(current_setting('alga.tenant', true), ''));
"""

# A policy for everybody, of a service that shares the database, is for our role too.
OUR_ACCESS = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_policy
                   WHERE polrelid = 'alga_action_ledger'::regclass AND polname = 'tenant_rows')
    THEN {_POLICY.format(role="alga_workflows")}
    END IF;
END $$;
GRANT SELECT, INSERT, UPDATE ON alga_action_ledger TO alga_workflows;
"""
"""Rows for the role that our transactions act as."""

# Whoever the service logs in as, it sees rows of the tenant that it has set. Which logins may use
# the table at all is for the service to grant; its owner may.
_FOREIGN_ACCESS = _POLICY.format(role="PUBLIC")


async def install_ledger(connection: AsyncConnection) -> bool:
    """Make the ledger's table in the connection's schema; false if it was there.

    For a service with a database of its own; call it in a transaction. Its login needs CREATE on
    the schema, and nothing else. Another login that uses the ledger needs SELECT, INSERT and UPDATE
    on `alga_action_ledger`.
    """
    await connection.execute(_LOCK)
    if await connection.scalar(_EXISTS):
        return False
    # Without parameters the driver takes several statements.
    await connection.exec_driver_sql(
        LEDGER_TABLE + _FOREIGN_ACCESS, execution_options={"no_parameters": True}
    )
    return True
