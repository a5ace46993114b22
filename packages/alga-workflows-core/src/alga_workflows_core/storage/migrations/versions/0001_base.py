"""Definitions, versions, runs, steps, API keys; roles, row-level security, legal state changes.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import ROLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VERSION = """
-- Whoever may connect may ask which release the schema belongs to.
GRANT SELECT ON alga_workflows_core_version TO PUBLIC;
"""

TABLES = """
CREATE TABLE workflow_definitions (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'DRAFT',
    draft text,
    draft_hash text,
    active_version integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE workflow_definition_versions (
    tenant text NOT NULL,
    definition_id text NOT NULL,
    version integer NOT NULL,
    hash text NOT NULL,
    document text NOT NULL,
    actions json NOT NULL,
    engine integer NOT NULL,
    expression_engine text NOT NULL,
    note text,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_by text NOT NULL,
    PRIMARY KEY (tenant, definition_id, version),
    UNIQUE (tenant, definition_id, hash),
    FOREIGN KEY (tenant, definition_id) REFERENCES workflow_definitions (tenant, id)
);

CREATE TABLE workflow_runs (
    tenant text NOT NULL,
    id uuid NOT NULL,
    definition_id text NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    trigger_type text NOT NULL,
    execution_key text NOT NULL,
    request_hash text,
    payload json NOT NULL,
    result json,
    error json,
    epoch integer NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    temporal_run_id text,
    start_attempts integer NOT NULL DEFAULT 0,
    start_due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    started_at timestamptz,
    closed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX workflow_runs_newest ON workflow_runs (tenant, created_at DESC, id DESC);
CREATE INDEX workflow_runs_to_start ON workflow_runs (start_due_at)
    WHERE status IN ('QUEUED', 'STARTING');

CREATE TABLE workflow_run_steps (
    tenant text NOT NULL,
    run_id uuid NOT NULL,
    path text NOT NULL,
    step_id text NOT NULL,
    type text NOT NULL,
    name text,
    status text NOT NULL,
    position bigint NOT NULL,
    output json,
    error json,
    epoch integer NOT NULL,
    seq bigint NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant, run_id, path)
);

CREATE TABLE alga_api_keys (
    tenant text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE alga_state_transitions (
    machine text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    by_new_epoch boolean NOT NULL DEFAULT false,
    PRIMARY KEY (machine, from_state, to_state)
);
GRANT SELECT ON alga_state_transitions TO alga_workflows, alga_workflows_scan;
"""

# The legal changes of state. A retry of a run raises its epoch and may then leave a final state.
TRANSITIONS = """
INSERT INTO alga_state_transitions (machine, from_state, to_state) VALUES
    ('run', 'QUEUED', 'STARTING'), ('run', 'QUEUED', 'FAILED'), ('run', 'QUEUED', 'CANCELED'),
    ('run', 'STARTING', 'QUEUED'),
    ('definition', 'DRAFT', 'ACTIVE'), ('definition', 'DRAFT', 'ARCHIVED'),
    ('definition', 'ACTIVE', 'PAUSED'), ('definition', 'ACTIVE', 'ARCHIVED'),
    ('definition', 'PAUSED', 'ACTIVE'), ('definition', 'PAUSED', 'ARCHIVED'),
    ('definition', 'ARCHIVED', 'ACTIVE'),
    ('step', 'RUNNING', 'SUCCEEDED'), ('step', 'RUNNING', 'FAILED'),
    ('step', 'RUNNING', 'CANCELED');

INSERT INTO alga_state_transitions (machine, from_state, to_state)
SELECT 'run', f, t
FROM unnest(ARRAY['STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED']) f,
     unnest(ARRAY['RUNNING', 'WAITING', 'PAUSED', 'PARKED',
                  'SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT']) t
WHERE f <> t;

INSERT INTO alga_state_transitions (machine, from_state, to_state, by_new_epoch)
SELECT 'run', f, t, true
FROM unnest(ARRAY['SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT']) f,
     unnest(ARRAY['QUEUED', 'STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED',
                  'SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT']) t
WHERE f <> t;

INSERT INTO alga_state_transitions (machine, from_state, to_state, by_new_epoch)
SELECT 'step', f, t, true
FROM unnest(ARRAY['SUCCEEDED', 'FAILED', 'CANCELED']) f,
     unnest(ARRAY['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED']) t
WHERE f <> t;

CREATE FUNCTION alga_require_transition(machine text, old_state text, new_state text, newer boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM alga_state_transitions t
        WHERE t.machine = $1 AND t.from_state = old_state AND t.to_state = new_state
          AND (newer OR NOT t.by_new_epoch)
    ) THEN
        RAISE EXCEPTION 'a % may not change from % to %', machine, old_state, new_state
            USING ERRCODE = 'AW001';
    END IF;
END $$;

-- A first row may be written in any state (a deleted row is rebuilt), but only in a known one.
CREATE FUNCTION alga_require_state(machine text, new_state text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM alga_state_transitions t
        WHERE t.machine = $1 AND new_state IN (t.from_state, t.to_state)
    ) THEN
        RAISE EXCEPTION 'a % cannot be in state %', machine, new_state USING ERRCODE = 'AW001';
    END IF;
END $$;

-- For tables with `status` and `epoch`; the argument is the machine.
CREATE FUNCTION alga_check_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state(TG_ARGV[0], NEW.status);
    ELSE
        PERFORM alga_require_transition(
            TG_ARGV[0], OLD.status, NEW.status, NEW.epoch > OLD.epoch);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION alga_check_definition_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state('definition', NEW.state);
    ELSE
        PERFORM alga_require_transition('definition', OLD.state, NEW.state, false);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER known_state BEFORE INSERT ON workflow_runs
    FOR EACH ROW EXECUTE FUNCTION alga_check_status('run');
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_runs
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION alga_check_status('run');
CREATE TRIGGER known_state BEFORE INSERT ON workflow_run_steps
    FOR EACH ROW EXECUTE FUNCTION alga_check_status('step');
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_run_steps
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION alga_check_status('step');
CREATE TRIGGER known_state BEFORE INSERT ON workflow_definitions
    FOR EACH ROW EXECUTE FUNCTION alga_check_definition_state();
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_definitions
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION alga_check_definition_state();

CREATE FUNCTION alga_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are immutable', TG_TABLE_NAME
        USING ERRCODE = 'AW002', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON workflow_definition_versions
    FOR EACH ROW EXECUTE FUNCTION alga_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON workflow_definition_versions
    FOR EACH STATEMENT EXECUTE FUNCTION alga_refuse_change();
"""

# A tenant that is not set is null, or empty where a former transaction has set one.
ROW_LEVEL_SECURITY = """
DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'workflow_definitions', 'workflow_definition_versions', 'workflow_runs',
        'workflow_run_steps', 'alga_api_keys'
    ] LOOP
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

# Work across tenants: functions that run as a role of their own, which sees only what its policies
# name, and answer ids and leases only.
ACROSS_TENANTS = """
GRANT SELECT (tenant, id, status, start_attempts, start_due_at),
      UPDATE (status, start_attempts, start_due_at, updated_at)
    ON workflow_runs TO alga_workflows_scan;
GRANT SELECT (tenant, id, role, hash, revoked_at) ON alga_api_keys TO alga_workflows_scan;
CREATE POLICY scan_reads ON workflow_runs FOR SELECT TO alga_workflows_scan USING (true);
CREATE POLICY scan_claims ON workflow_runs FOR UPDATE TO alga_workflows_scan
    USING (status IN ('QUEUED', 'STARTING')) WITH CHECK (status = 'STARTING');
CREATE POLICY scan_reads ON alga_api_keys FOR SELECT TO alga_workflows_scan USING (true);

-- As a common table expression the locking select runs once, whatever the planner thinks.
CREATE FUNCTION alga_claim_run_starts(at_most integer, lease interval)
RETURNS TABLE (tenant text, run_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT w.tenant, w.id, w.start_due_at FROM workflow_runs w
        WHERE w.status IN ('QUEUED', 'STARTING') AND w.start_due_at <= clock_timestamp()
        ORDER BY w.start_due_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE workflow_runs r
        SET status = 'STARTING', start_attempts = r.start_attempts + 1,
            start_due_at = clock_timestamp() + lease, updated_at = clock_timestamp()
        FROM due
        WHERE r.tenant = due.tenant AND r.id = due.id
        RETURNING r.tenant, r.id, due.start_due_at AS was_due_at
    )
    SELECT c.tenant, c.id FROM claimed c ORDER BY c.was_due_at
$$;

CREATE FUNCTION alga_authenticate(key_hash text)
RETURNS TABLE (tenant text, key_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT k.tenant, k.id, k.role FROM alga_api_keys k
    WHERE k.hash = key_hash AND k.revoked_at IS NULL
$$;

DO $$
DECLARE
    here text := current_schema();
    signature regprocedure;
BEGIN
    FOR signature IN SELECT oid FROM pg_proc
        WHERE pronamespace = quote_ident(here)::regnamespace AND starts_with(proname, 'alga_')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, here);
    END LOOP;
    -- A function's owner needs CREATE on its schema at the moment it becomes the owner.
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO alga_workflows_scan', here);
    FOREACH signature IN ARRAY ARRAY[
        'alga_claim_run_starts(integer, interval)', 'alga_authenticate(text)'
    ]::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO alga_workflows', signature);
        EXECUTE format('ALTER FUNCTION %s OWNER TO alga_workflows_scan', signature);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM alga_workflows_scan', here);
END $$;
"""

SCRIPTS = (ROLES, VERSION, TABLES, TRANSITIONS, ROW_LEVEL_SECURITY, ACROSS_TENANTS)
