"""Runs that runs have started, and slots of definitions that limit how many runs there may be.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import (
    checked_states,
    functions_across_tenants,
    tenant_tables,
)

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# `parent_wait_id` is null if nobody waits for the run, the other ids are if no run has started it.
CHILDREN = """
ALTER TABLE workflow_runs
    ADD COLUMN parent_run_id uuid,
    ADD COLUMN parent_wait_id uuid,
    ADD COLUMN root_run_id uuid,
    ADD COLUMN depth integer NOT NULL DEFAULT 0;
CREATE INDEX workflow_runs_of_parent
    ON workflow_runs (tenant, parent_run_id, created_at DESC, id DESC)
    WHERE parent_run_id IS NOT NULL;
"""

# A row for each open run of a definition that has a limit. Runs of one `family` share a slot; it is
# the run that took it. A run that is WAITING has no `start_due_at`. `at_most` is the limit of its
# version. `displaces`: it had others make room. `leaving`: it has been asked to.
SLOTS = """
ALTER TABLE workflow_runs ALTER COLUMN start_due_at DROP NOT NULL;

CREATE TABLE alga_run_slots (
    tenant text NOT NULL,
    run_id uuid NOT NULL,
    definition_id text NOT NULL,
    key text NOT NULL,
    state text NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    at_most integer NOT NULL,
    displaces boolean NOT NULL,
    family uuid NOT NULL,
    leaving boolean NOT NULL DEFAULT false,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, run_id)
);
CREATE INDEX alga_run_slots_of_key ON alga_run_slots (tenant, definition_id, key, state, position);
INSERT INTO alga_state_transitions (machine, from_state, to_state)
VALUES ('slot', 'WAITING', 'HELD');
"""

# A slot whose run has ended or is gone, and the first of a queue for which there is room: both are
# left by nobody but whoever changes rows by hand.
ACROSS_TENANTS = """
GRANT SELECT (tenant, run_id, definition_id, key, state, position, at_most, displaces, family)
    ON alga_run_slots TO alga_workflows_scan;
CREATE POLICY scan_reads ON alga_run_slots FOR SELECT TO alga_workflows_scan USING (true);

CREATE FUNCTION alga_forgotten_slots(most integer)
RETURNS TABLE (tenant text, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT s.tenant, s.run_id FROM alga_run_slots s
    LEFT JOIN workflow_runs r ON r.tenant = s.tenant AND r.id = s.run_id
    WHERE coalesce(r.status, 'FAILED') IN ('SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT')
    UNION ALL
    SELECT first.tenant, first.run_id FROM (
        SELECT DISTINCT ON (w.tenant, w.definition_id, w.key)
            w.tenant, w.run_id, w.definition_id, w.key, w.at_most
        FROM alga_run_slots w
        WHERE w.state = 'WAITING'
        ORDER BY w.tenant, w.definition_id, w.key, w.displaces DESC, w.position
    ) first
    WHERE first.at_most > (
        SELECT count(DISTINCT h.family) FROM alga_run_slots h
        WHERE h.tenant = first.tenant AND h.definition_id = first.definition_id
          AND h.key = first.key AND h.state = 'HELD'
    )
    LIMIT most
$$;
"""

SCRIPTS = (
    CHILDREN,
    SLOTS,
    tenant_tables("alga_run_slots", delete=True),
    checked_states("alga_run_slots", "slot"),
    ACROSS_TENANTS,
    functions_across_tenants("alga_forgotten_slots(integer)"),
)
