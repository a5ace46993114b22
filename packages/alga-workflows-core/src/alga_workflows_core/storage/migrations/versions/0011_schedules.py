"""Schedules, and what has become of their occurrences.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import (
    checked_states,
    functions_across_tenants,
    tenant_tables,
)

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# `counted_until`: what has become of every occurrence up to then is known. `keep_due_at` and
# `keep_failures` are the keeper's own. A schedule that was taken away keeps its row until Temporal
# has none of it.
TABLES = """
CREATE TABLE workflow_schedules (
    tenant text NOT NULL,
    id text NOT NULL,
    definition_id text NOT NULL,
    calendar text,
    document text NOT NULL,
    hash text NOT NULL,
    state text NOT NULL DEFAULT 'ACTIVE',
    reason text,
    revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    removed_at timestamptz,
    counted_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    keep_due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    keep_failures integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX workflow_schedules_of_definition ON workflow_schedules (tenant, definition_id, id);
CREATE INDEX workflow_schedules_to_keep ON workflow_schedules (keep_due_at);

CREATE TABLE workflow_schedule_fires (
    tenant text NOT NULL,
    schedule_id text NOT NULL,
    key text NOT NULL,
    nominal_at timestamptz NOT NULL,
    cause text NOT NULL CHECK (cause IN ('time', 'backfill', 'request')),
    outcome text NOT NULL CHECK (outcome IN ('started', 'skipped', 'failed')),
    code text,
    reason text,
    run_id uuid CHECK ((run_id IS NOT NULL) = (outcome = 'started')),
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by text NOT NULL,
    PRIMARY KEY (tenant, schedule_id, key)
);
CREATE INDEX workflow_schedule_fires_newest
    ON workflow_schedule_fires (tenant, schedule_id, nominal_at DESC, key DESC);
"""

TRANSITIONS = """
INSERT INTO alga_state_transitions (machine, from_state, to_state) VALUES
    ('schedule', 'ACTIVE', 'PAUSED'), ('schedule', 'ACTIVE', 'ENDED'),
    ('schedule', 'ACTIVE', 'BROKEN'),
    ('schedule', 'PAUSED', 'ACTIVE'),
    ('schedule', 'BROKEN', 'ACTIVE'), ('schedule', 'BROKEN', 'PAUSED'),
    ('schedule', 'BROKEN', 'ENDED'),
    ('schedule', 'ENDED', 'ACTIVE');
"""

ACROSS_TENANTS = """
GRANT SELECT (tenant, id, keep_due_at), UPDATE (keep_due_at)
    ON workflow_schedules TO alga_workflows_scan;
CREATE POLICY scan_reads ON workflow_schedules FOR SELECT TO alga_workflows_scan USING (true);
CREATE POLICY scan_claims ON workflow_schedules FOR UPDATE TO alga_workflows_scan USING (true);

CREATE FUNCTION alga_claim_schedules(at_most integer, lease interval)
RETURNS TABLE (tenant text, schedule_id text)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT s.tenant, s.id FROM workflow_schedules s
        WHERE s.keep_due_at <= clock_timestamp()
        ORDER BY s.keep_due_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE workflow_schedules s
    SET keep_due_at = clock_timestamp() + lease
    FROM due
    WHERE s.tenant = due.tenant AND s.id = due.id
    RETURNING s.tenant, s.id
$$;
"""

SCRIPTS = (
    TABLES,
    TRANSITIONS,
    checked_states("workflow_schedules", "schedule"),
    tenant_tables("workflow_schedules", "workflow_schedule_fires", delete=True),
    ACROSS_TENANTS,
    functions_across_tenants("alga_claim_schedules(integer, interval)"),
)
