"""What the reconciler finds runs by, and what it keeps of each.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# `reconcile_due_at` and `reconcile_looks` are the reconciler's own: it moves them, nobody else
# does, and they are no change of the run. `temporal_namespace` is where the run was started, so
# that a process of another namespace does not take it for lost.
COLUMNS = """
ALTER TABLE workflow_runs
    ADD COLUMN temporal_namespace text,
    ADD COLUMN stop_request json,
    ADD COLUMN reconcile_due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN reconcile_looks integer NOT NULL DEFAULT 0;
CREATE INDEX workflow_runs_to_reconcile ON workflow_runs (reconcile_due_at)
    WHERE status IN ('STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED');
CREATE INDEX workflow_runs_by_id ON workflow_runs (id);

-- When a namespace was last compared with the table. It belongs to no tenant.
CREATE TABLE alga_sweeps (
    namespace text PRIMARY KEY,
    due_at timestamptz NOT NULL,
    swept_until timestamptz
);
"""

# A run that was looked at ever less often and then changed is looked at soon again. One that has
# not been looked at keeps its time: writing an indexed column with every batch would cost.
LOOK_ANEW = """
CREATE FUNCTION alga_look_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.reconcile_looks := 0;
    NEW.reconcile_due_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER look_anew BEFORE UPDATE ON workflow_runs
    FOR EACH ROW WHEN (NEW.updated_at IS DISTINCT FROM OLD.updated_at AND OLD.reconcile_looks > 0)
    EXECUTE FUNCTION alga_look_anew();
"""

ACROSS_TENANTS = """
GRANT SELECT (updated_at, temporal_namespace, reconcile_due_at, reconcile_looks),
      UPDATE (reconcile_due_at, reconcile_looks)
    ON workflow_runs TO alga_workflows_scan;
GRANT SELECT, INSERT, UPDATE ON alga_sweeps TO alga_workflows_scan;
CREATE POLICY scan_reconciles ON workflow_runs FOR UPDATE TO alga_workflows_scan
    USING (status IN ('STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED'))
    WITH CHECK (status IN ('STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED'));

-- Runs whose turn it is. `look` is false for one that has changed a moment ago: its turn comes
-- when it has not changed for that long. Each look without a change doubles the time to the next,
-- which is also the lease of this one.
CREATE FUNCTION alga_claim_reconciling(
    at_most integer, in_namespace text, unchanged interval, longest interval
) RETURNS TABLE (tenant text, run_id uuid, look boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT w.tenant, w.id, w.updated_at + unchanged <= clock_timestamp() AS look
        FROM workflow_runs w
        WHERE w.status IN ('STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED')
          AND w.reconcile_due_at <= clock_timestamp()
          AND (w.temporal_namespace IS NULL OR w.temporal_namespace = in_namespace)
        ORDER BY w.reconcile_due_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE workflow_runs r
        SET reconcile_due_at = CASE
                WHEN due.look
                THEN clock_timestamp()
                     + least(longest, unchanged * power(2, least(r.reconcile_looks, 20)))
                ELSE r.updated_at + unchanged END,
            reconcile_looks = CASE WHEN due.look THEN r.reconcile_looks + 1 ELSE 0 END
        FROM due
        WHERE r.tenant = due.tenant AND r.id = due.id
        RETURNING r.tenant, r.id, due.look
    )
    SELECT c.tenant, c.id, c.look FROM claimed c
$$;

CREATE FUNCTION alga_find_runs(ids uuid[])
RETURNS TABLE (tenant text, run_id uuid, is_open boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT w.tenant, w.id, w.status NOT IN ('SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT')
    FROM workflow_runs w WHERE w.id = ANY (ids)
$$;

-- One row if it is the caller's turn to sweep: when that began, and until when was swept before.
CREATE FUNCTION alga_claim_sweep(in_namespace text, every interval)
RETURNS TABLE (began_at timestamptz, swept_until timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    INSERT INTO alga_sweeps AS s (namespace, due_at)
    VALUES (in_namespace, clock_timestamp() + every)
    ON CONFLICT (namespace) DO UPDATE SET due_at = excluded.due_at
        WHERE s.due_at <= clock_timestamp()
    RETURNING clock_timestamp(), s.swept_until
$$;

CREATE FUNCTION alga_end_sweep(in_namespace text, began_at timestamptz)
RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    UPDATE alga_sweeps s SET swept_until = greatest(s.swept_until, began_at)
    WHERE s.namespace = in_namespace
$$;

DO $$
DECLARE
    here text := current_schema();
    signature regprocedure;
BEGIN
    EXECUTE format('ALTER FUNCTION alga_look_anew() SET search_path = %I, pg_temp', here);
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO alga_workflows_scan', here);
    FOREACH signature IN ARRAY ARRAY[
        'alga_claim_reconciling(integer, text, interval, interval)', 'alga_find_runs(uuid[])',
        'alga_claim_sweep(text, interval)', 'alga_end_sweep(text, timestamptz)'
    ]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, here);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO alga_workflows', signature);
        EXECUTE format('ALTER FUNCTION %s OWNER TO alga_workflows_scan', signature);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM alga_workflows_scan', here);
END $$;
"""

SCRIPTS = (COLUMNS, LOOK_ANEW, ACROSS_TENANTS)
