"""Slots of schedules beside those of definitions: a run may need one of each.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import functions_across_tenants

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A run takes that of its schedule first. LATER: it needs this one when it has got that.
SLOTS = """
ALTER TABLE alga_run_slots RENAME COLUMN definition_id TO owner;
ALTER TABLE alga_run_slots
    ADD COLUMN kind text NOT NULL DEFAULT 'definition'
        CHECK (kind IN ('schedule', 'definition'));
ALTER TABLE alga_run_slots
    ALTER COLUMN kind DROP DEFAULT,
    DROP CONSTRAINT alga_run_slots_pkey,
    ADD PRIMARY KEY (tenant, run_id, kind);
DROP INDEX alga_run_slots_of_key;
CREATE INDEX alga_run_slots_of_key
    ON alga_run_slots (tenant, kind, owner, key, state, position);
INSERT INTO alga_state_transitions (machine, from_state, to_state)
VALUES ('slot', 'LATER', 'WAITING'), ('slot', 'LATER', 'HELD');
"""

# Who was asked to leave gets no slot, so a queue has none of those at its head.
ACROSS_TENANTS = """
GRANT SELECT (kind, leaving) ON alga_run_slots TO alga_workflows_scan;
DROP FUNCTION alga_forgotten_slots(integer);
CREATE FUNCTION alga_forgotten_slots(most integer)
RETURNS TABLE (tenant text, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT s.tenant, s.run_id FROM alga_run_slots s
    LEFT JOIN workflow_runs r ON r.tenant = s.tenant AND r.id = s.run_id
    WHERE coalesce(r.status, 'FAILED') IN ('SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT')
    UNION
    SELECT first.tenant, first.run_id FROM (
        SELECT DISTINCT ON (w.tenant, w.kind, w.owner, w.key)
            w.tenant, w.run_id, w.kind, w.owner, w.key, w.at_most
        FROM alga_run_slots w
        WHERE w.state = 'WAITING' AND NOT w.leaving
        ORDER BY w.tenant, w.kind, w.owner, w.key, w.displaces DESC, w.position
    ) first
    WHERE first.at_most > (
        SELECT count(DISTINCT h.family) FROM alga_run_slots h
        WHERE h.tenant = first.tenant AND h.kind = first.kind AND h.owner = first.owner
          AND h.key = first.key AND h.state = 'HELD'
    )
    LIMIT most
$$;
"""

SCRIPTS = (
    SLOTS,
    ACROSS_TENANTS,
    functions_across_tenants("alga_forgotten_slots(integer)"),
)
