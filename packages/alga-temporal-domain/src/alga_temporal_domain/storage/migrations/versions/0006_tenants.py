"""Tenants: what they are, who works for them, and how they come and go.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alga_temporal_domain.storage.migrations.erasable_tables import ERASING_ROLE, OPEN_TO_ERASING
from alga_workflows_core.infra.migration_scripts import (
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A null `from_state` is how a row may begin.
TRANSITIONS = """
CREATE TABLE tenant_state_transitions (
    machine text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (machine, from_state, to_state)
);
INSERT INTO tenant_state_transitions (machine, from_state, to_state) VALUES
    ('tenant', NULL, 'creating'),
    ('tenant', 'creating', 'active'), ('tenant', 'creating', 'failed'),
    ('tenant', 'failed', 'creating'), ('tenant', 'failed', 'deleting'),
    ('tenant', 'active', 'suspended'), ('tenant', 'active', 'leaving'),
    ('tenant', 'active', 'failed'),
    ('tenant', 'suspended', 'active'), ('tenant', 'suspended', 'leaving'),
    ('tenant', 'leaving', 'active'), ('tenant', 'leaving', 'suspended'),
    ('tenant', 'leaving', 'deleting'),
    ('tenant', 'deleting', 'deleted'), ('tenant', 'deleting', 'failed'),
    ('deletion', NULL, 'pending'),
    ('deletion', 'pending', 'awaiting_confirmation'), ('deletion', 'pending', 'rolled_back'),
    ('deletion', 'awaiting_confirmation', 'confirmed'),
    ('deletion', 'awaiting_confirmation', 'deleting'),
    ('deletion', 'awaiting_confirmation', 'rolled_back'),
    ('deletion', 'confirmed', 'deleting'), ('deletion', 'confirmed', 'rolled_back'),
    ('deletion', 'deleting', 'deleted'), ('deletion', 'deleting', 'failed'),
    ('deletion', 'failed', 'deleting'),
    ('export', NULL, 'running'),
    ('export', 'running', 'done'), ('export', 'running', 'failed'),
    ('export', 'failed', 'running');

CREATE FUNCTION tenant_check_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF NOT EXISTS (
        SELECT FROM tenant_state_transitions t
        WHERE t.machine = TG_ARGV[0] AND t.from_state IS NOT DISTINCT FROM before
          AND t.to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'a % cannot go from % to %',
            TG_ARGV[0], coalesce(before, 'nothing'), NEW.state USING ERRCODE = 'AW002';
    END IF;
    RETURN NEW;
END $$;
GRANT SELECT ON tenant_state_transitions TO alga_workflows, alga_workflows_erase;
"""


def _checked(table: str, machine: str) -> str:
    return f"""
CREATE TRIGGER known_state BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION tenant_check_state('{machine}');
CREATE TRIGGER legal_transition BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION tenant_check_state('{machine}');
"""


# `suspension` names what has deactivated users, so that exactly those are given back. A tenant
# that is gone stays as a row without a name.
TENANTS = """
CREATE TABLE tenants (
    tenant text PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'creating',
    creation_key text NOT NULL UNIQUE,
    creation_hash text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    suspension uuid,
    suspended_at timestamptz,
    deleted_at timestamptz
);
CREATE INDEX tenants_newest ON tenants (created_at DESC, tenant DESC);

CREATE TABLE tenant_users (
    tenant text NOT NULL REFERENCES tenants (tenant),
    id uuid NOT NULL,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'user')),
    is_active boolean NOT NULL DEFAULT true,
    suspended_by uuid,
    password_hash text,
    password_set_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id),
    CHECK (suspended_by IS NULL OR NOT is_active)
);
CREATE UNIQUE INDEX tenant_users_address ON tenant_users (tenant, lower(email));

CREATE TABLE tenant_set_password_links (
    tenant text NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash text NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES tenant_users (tenant, id)
);
CREATE INDEX tenant_set_password_links_of_a_user ON tenant_set_password_links (tenant, user_id);

CREATE TABLE tenant_seeds_applied (
    tenant text NOT NULL REFERENCES tenants (tenant),
    pack text NOT NULL,
    version integer NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, pack, version)
);
"""

RECORDS = """
CREATE TABLE tenant_exports (
    tenant text NOT NULL REFERENCES tenants (tenant),
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'running',
    requested_by text NOT NULL,
    reason text,
    place text,
    tables integer,
    rows bigint,
    bytes bigint,
    sha256 text,
    error text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE tenant_deletions (
    tenant text NOT NULL REFERENCES tenants (tenant),
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    previous_state text NOT NULL CHECK (previous_state IN ('active', 'suspended')),
    requested_by text NOT NULL,
    reason text,
    due_at timestamptz,
    confirmed_by text,
    export_id uuid,
    export_sha256 text,
    waived_by text,
    waived_reason text,
    rows_deleted bigint,
    error text,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (tenant, id),
    CONSTRAINT exported_or_waived CHECK (state NOT IN ('deleting', 'deleted')
        OR export_sha256 IS NOT NULL OR waived_by IS NOT NULL)
);
CREATE UNIQUE INDEX tenant_deletions_one_at_a_time ON tenant_deletions (tenant)
    WHERE state NOT IN ('deleted', 'rolled_back');

-- What was told to others, so that it is told once.
CREATE TABLE tenant_ledger (
    tenant text NOT NULL REFERENCES tenants (tenant),
    key text NOT NULL,
    kind text NOT NULL,
    detail text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, key)
);
"""

# What is published is not changed, but goes with its tenant.
GONE_WITH_THE_TENANT = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'alga_workflows_erase' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is never changed; publish another bundle', TG_TABLE_NAME
        USING ERRCODE = 'AW002';
END $$;
"""

# A tenant without a row in `tenants` is not managed here, and works.
ACROSS_TENANTS = """
GRANT SELECT ON tenants TO alga_workflows_scan;
CREATE POLICY scan_reads ON tenants FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION tenants_page(before_at timestamptz, before_tenant text, at_most integer)
    RETURNS SETOF tenants
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT * FROM tenants t
    WHERE before_at IS NULL OR (t.created_at, t.tenant) < (before_at, before_tenant)
    ORDER BY t.created_at DESC, t.tenant DESC LIMIT at_most
$$;

GRANT SELECT (tenant, hash) ON tenant_set_password_links TO alga_workflows_scan;
CREATE POLICY scan_reads ON tenant_set_password_links
    FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION tenant_of_link(link_hash text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT l.tenant FROM tenant_set_password_links l WHERE l.hash = link_hash
$$;

DROP FUNCTION authenticate(text);
CREATE FUNCTION authenticate(key_hash text)
    RETURNS TABLE (tenant text, key_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT k.tenant, k.id, k.role FROM api_keys k
    WHERE k.hash = key_hash AND k.revoked_at IS NULL
      AND NOT EXISTS (SELECT FROM tenants t WHERE t.tenant = k.tenant AND t.state <> 'active')
$$;
"""

SCRIPTS: tuple[str, ...] = (
    ERASING_ROLE,
    TRANSITIONS,
    TENANTS,
    RECORDS,
    *(
        _checked(f"tenant{table}", machine)
        for table, machine in (("s", "tenant"), ("_exports", "export"), ("_deletions", "deletion"))
    ),
    own_search_path("tenant_check_state()"),
    tenant_tables("tenants", "tenant_users", "tenant_set_password_links", "tenant_seeds_applied"),
    tenant_tables("tenant_exports", "tenant_deletions", "tenant_ledger"),
    GONE_WITH_THE_TENANT,
    ACROSS_TENANTS,
    functions_across_tenants(
        "tenants_page(timestamptz, text, integer)", "tenant_of_link(text)", "authenticate(text)"
    ),
    OPEN_TO_ERASING,
)
