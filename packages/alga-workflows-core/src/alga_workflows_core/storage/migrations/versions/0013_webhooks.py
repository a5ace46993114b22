"""Webhooks: who may tell events by a signature.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic.operations import Operations

from alga_workflows_core.storage.migrations.scripts import functions_across_tenants, tenant_tables

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Secrets are named, never kept. The database's locale may order names as it likes: a page begins
# behind a name by the same order.
WEBHOOKS = """
CREATE TABLE alga_webhooks (
    tenant text NOT NULL,
    name text NOT NULL,
    id uuid NOT NULL UNIQUE,
    event_name text NOT NULL,
    id_path text,
    key_path text,
    secret text NOT NULL,
    previous_secret text,
    previous_until timestamptz,
    tolerance integer NOT NULL CHECK (tolerance > 0),
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    PRIMARY KEY (tenant, name),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
"""

# Whoever knows an address is told whose it is; only its own tenant sees more of it.
ACROSS_TENANTS = """
GRANT SELECT (tenant, id) ON alga_webhooks TO alga_workflows_scan;
CREATE POLICY scan_reads ON alga_webhooks FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION alga_find_webhook(webhook_id uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT w.tenant FROM alga_webhooks w WHERE w.id = webhook_id
$$;
"""

SCRIPTS: tuple[str, ...] = (
    WEBHOOKS,
    tenant_tables("alga_webhooks", delete=True),
    ACROSS_TENANTS,
    functions_across_tenants("alga_find_webhook(uuid)"),
)


def upgrade(op: Operations) -> None:
    """Run the scripts."""
    for script in SCRIPTS:
        # Without parameters the driver takes several statements and leaves % alone.
        op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
