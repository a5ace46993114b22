"""Jobs: what is known of their runs, their steps, results, schedules, hosts and callbacks.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import functions_across_tenants, tenant_tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A row is a copy of what Temporal knows. `look_at`: when to compare the two again, while it is
# open; `looks`: how often that was in vain.
JOBS = """
CREATE TABLE jobs (
    tenant text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    workflow_id text NOT NULL,
    run_id text NOT NULL,
    schedule_key text,
    actor text,
    state text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED',
        'SKIPPED', 'FAILED', 'CANCELED', 'TIMED_OUT', 'TERMINATED', 'LOST')),
    attempt integer NOT NULL DEFAULT 0,
    progress double precision,
    progress_message text,
    error_type text,
    error_message text,
    skipped text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    start_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    look_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    looks integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX jobs_newest ON jobs (tenant, created_at DESC, id);
CREATE INDEX jobs_by_state ON jobs (tenant, state, created_at DESC, id);
CREATE INDEX jobs_open ON jobs (look_at) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_steps (
    tenant text NOT NULL,
    job_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    message text,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, job_id, name, attempt),
    FOREIGN KEY (tenant, job_id) REFERENCES jobs (tenant, id) ON DELETE CASCADE
);

-- A result may be here before anybody has written the job's row.
CREATE TABLE job_results (
    tenant text NOT NULL,
    job_id uuid NOT NULL,
    result json NOT NULL,
    bytes integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, job_id)
);

-- Final states are the last word; AW002 becomes a conflict.
CREATE FUNCTION job_stays_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job % has ended as %', OLD.id, OLD.state USING ERRCODE = 'AW002';
END $$;
CREATE TRIGGER stays_ended BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.state NOT IN ('QUEUED', 'RUNNING') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION job_stays_ended();
"""

# What is wanted (`seq` counts changes), and what of it Temporal was told. `mark`: of which
# definition; options of the handler are part of it.
SCHEDULES = """
CREATE TABLE job_schedules (
    tenant text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    definition json NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    deleted boolean NOT NULL DEFAULT false,
    actor text,
    seq bigint NOT NULL DEFAULT 1,
    told_seq bigint,
    told_mark text,
    problem text,
    check_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_job_id uuid,
    last_state text,
    last_run_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, key)
);
CREATE INDEX job_schedules_due ON job_schedules (check_at);
"""

HOSTS = """
CREATE TABLE job_handlers (
    tenant text NOT NULL,
    name text NOT NULL,
    definition json NOT NULL,
    actor text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, name)
);

-- `token_hash`: sha256 of what a host was given once; `answer_hash`: of its first answer.
CREATE TABLE job_callbacks (
    tenant text NOT NULL,
    token_hash text NOT NULL PRIMARY KEY,
    job_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    task_token bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    answer_hash text,
    accepted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_callbacks_old ON job_callbacks (expires_at);
"""

ACROSS_TENANTS = """
GRANT SELECT, UPDATE, DELETE ON jobs TO alga_workflows_scan;
GRANT SELECT, UPDATE ON job_schedules TO alga_workflows_scan;
GRANT SELECT, DELETE ON job_results, job_callbacks TO alga_workflows_scan;
CREATE POLICY scan_jobs ON jobs TO alga_workflows_scan USING (true) WITH CHECK (true);
CREATE POLICY scan_due ON job_schedules TO alga_workflows_scan USING (true) WITH CHECK (true);
CREATE POLICY scan_old ON job_results TO alga_workflows_scan USING (true);
CREATE POLICY scan_tokens ON job_callbacks TO alga_workflows_scan USING (true);

-- Open jobs to be compared with Temporal; whoever gets one has it until it is due again.
CREATE FUNCTION jobs_to_settle(at_most integer)
    RETURNS TABLE (tenant text, job_id uuid, workflow_id text, run_id text, schedule_key text)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    UPDATE jobs j SET looks = j.looks + 1,
        look_at = clock_timestamp()
            + least(interval '0.2 seconds' * 2 ^ least(j.looks, 10), interval '1 minute')
    WHERE (j.tenant, j.id) IN (
        SELECT d.tenant, d.id FROM jobs d
        WHERE d.state IN ('QUEUED', 'RUNNING') AND d.look_at <= clock_timestamp()
        ORDER BY d.look_at LIMIT at_most FOR UPDATE SKIP LOCKED)
    RETURNING j.tenant, j.id, j.workflow_id, j.run_id, j.schedule_key
$$;

CREATE FUNCTION job_schedules_to_check(at_most integer, again interval)
    RETURNS TABLE (tenant text, key text)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    UPDATE job_schedules s SET check_at = clock_timestamp() + again
    WHERE (s.tenant, s.key) IN (
        SELECT d.tenant, d.key FROM job_schedules d WHERE d.check_at <= clock_timestamp()
        ORDER BY d.check_at LIMIT at_most FOR UPDATE SKIP LOCKED)
    RETURNING s.tenant, s.key
$$;

CREATE FUNCTION tenant_of_job_callback(hash text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT c.tenant FROM job_callbacks c WHERE c.token_hash = hash
$$;

CREATE FUNCTION prune_jobs(older interval, at_most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    pruned integer;
BEGIN
    WITH old AS (
        SELECT tenant, id FROM jobs WHERE ended_at < clock_timestamp() - older
        ORDER BY ended_at LIMIT at_most FOR UPDATE SKIP LOCKED
    ), results AS (
        DELETE FROM job_results r USING old WHERE (r.tenant, r.job_id) = (old.tenant, old.id)
    )
    DELETE FROM jobs j USING old WHERE (j.tenant, j.id) = (old.tenant, old.id);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    DELETE FROM job_callbacks WHERE token_hash IN (
        SELECT token_hash FROM job_callbacks WHERE expires_at < clock_timestamp() - older
        LIMIT at_most);
    RETURN pruned;
END $$;
"""

SCRIPTS: tuple[str, ...] = (
    JOBS,
    SCHEDULES,
    HOSTS,
    tenant_tables("jobs", "job_steps", "job_results", "job_callbacks"),
    tenant_tables("job_schedules", "job_handlers", delete=True),
    ACROSS_TENANTS,
    functions_across_tenants(
        "jobs_to_settle(integer)",
        "job_schedules_to_check(integer, interval)",
        "tenant_of_job_callback(text)",
        "prune_jobs(interval, integer)",
    ),
)
