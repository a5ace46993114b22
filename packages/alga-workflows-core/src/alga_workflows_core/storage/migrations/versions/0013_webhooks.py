"""Webhooks: who may tell events by a signature. Messages that could not be taken as events.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import functions_across_tenants, tenant_tables

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

# Of a tenant that the message may speak for, else of the one that looks after such messages.
PARKED = """
CREATE TABLE alga_parked_messages (
    tenant text NOT NULL,
    id uuid NOT NULL,
    stream text NOT NULL,
    message_id text NOT NULL,
    fields json NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retried_at timestamptz,
    retried_by text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX alga_parked_messages_newest
    ON alga_parked_messages (tenant, parked_at DESC, id DESC);
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
    PARKED,
    tenant_tables("alga_webhooks", delete=True),
    tenant_tables("alga_parked_messages"),
    ACROSS_TENANTS,
    functions_across_tenants("alga_find_webhook(uuid)"),
)
