"""Waits of runs, and what wakes the runs that they belong to.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE workflow_runs ADD COLUMN label text;

CREATE TABLE workflow_run_waits (
    tenant text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    key text NOT NULL,
    path text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'WAITING',
    due_at timestamptz,
    detail json NOT NULL,
    resolution json,
    resolved_by text,
    epoch integer NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX workflow_run_waits_of_run ON workflow_run_waits (tenant, run_id, opened_at, id);

CREATE TABLE workflow_event_deliveries (
    tenant text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    wait_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'PENDING',
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, wait_id)
);
CREATE INDEX workflow_event_deliveries_due ON workflow_event_deliveries (next_at)
    WHERE state = 'PENDING';
"""

TRANSITIONS = """
INSERT INTO alga_state_transitions (machine, from_state, to_state)
SELECT 'wait', 'WAITING', t FROM unnest(ARRAY['RESOLVED', 'TIMED_OUT', 'CANCELED']) t;
INSERT INTO alga_state_transitions (machine, from_state, to_state)
SELECT 'delivery', 'PENDING', t FROM unnest(ARRAY['DELIVERED', 'GONE', 'DEAD']) t;
INSERT INTO alga_state_transitions (machine, from_state, to_state)
VALUES ('delivery', 'DEAD', 'PENDING');

CREATE FUNCTION alga_check_wait_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state('wait', NEW.status);
    ELSE
        PERFORM alga_require_transition('wait', OLD.status, NEW.status, false);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION alga_check_delivery_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state('delivery', NEW.state);
    ELSE
        PERFORM alga_require_transition('delivery', OLD.state, NEW.state, false);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER known_state BEFORE INSERT ON workflow_run_waits
    FOR EACH ROW EXECUTE FUNCTION alga_check_wait_status();
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_run_waits
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION alga_check_wait_status();
CREATE TRIGGER known_state BEFORE INSERT ON workflow_event_deliveries
    FOR EACH ROW EXECUTE FUNCTION alga_check_delivery_state();
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_event_deliveries
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION alga_check_delivery_state();
"""

ROW_LEVEL_SECURITY = """
DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['workflow_run_waits', 'workflow_event_deliveries'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant_rows ON %I TO alga_workflows
             USING (tenant = nullif(current_setting(''alga.tenant'', true), ''''))
             WITH CHECK (tenant = nullif(current_setting(''alga.tenant'', true), ''''))',
            tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO alga_workflows', tenant_table);
    END LOOP;
END $$;
"""

ACROSS_TENANTS = """
GRANT SELECT (tenant, id, state, attempts, next_at), UPDATE (attempts, next_at)
    ON workflow_event_deliveries TO alga_workflows_scan;
CREATE POLICY scan_reads ON workflow_event_deliveries FOR SELECT TO alga_workflows_scan
    USING (true);
CREATE POLICY scan_claims ON workflow_event_deliveries FOR UPDATE TO alga_workflows_scan
    USING (state = 'PENDING') WITH CHECK (state = 'PENDING');

CREATE FUNCTION alga_claim_deliveries(at_most integer, lease interval)
RETURNS TABLE (tenant text, delivery_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT d.tenant, d.id FROM workflow_event_deliveries d
        WHERE d.state = 'PENDING' AND d.next_at <= clock_timestamp()
        ORDER BY d.next_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE workflow_event_deliveries w
    SET attempts = w.attempts + 1, next_at = clock_timestamp() + lease
    FROM due
    WHERE w.tenant = due.tenant AND w.id = due.id
    RETURNING w.tenant, w.id
$$;

DO $$
DECLARE
    here text := current_schema();
    signature regprocedure := 'alga_claim_deliveries(integer, interval)';
BEGIN
    EXECUTE format('ALTER FUNCTION alga_check_wait_status() SET search_path = %I, pg_temp', here);
    EXECUTE format(
        'ALTER FUNCTION alga_check_delivery_state() SET search_path = %I, pg_temp', here);
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, here);
    -- A function's owner needs CREATE on its schema at the moment it becomes the owner.
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO alga_workflows_scan', here);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO alga_workflows', signature);
    EXECUTE format('ALTER FUNCTION %s OWNER TO alga_workflows_scan', signature);
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM alga_workflows_scan', here);
END $$;
"""

SCRIPTS = (TABLES, TRANSITIONS, ROW_LEVEL_SECURITY, ACROSS_TENANTS)
