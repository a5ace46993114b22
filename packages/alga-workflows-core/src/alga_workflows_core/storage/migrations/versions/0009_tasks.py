"""Tasks for people: who is asked, who has answered, who did what.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import (
    checked_states,
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The id of a task is that of its wait. `look_at`: when there is something to tell of it.
TABLES = """
CREATE TABLE workflow_tasks (
    tenant text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    definition_id text NOT NULL,
    path text NOT NULL,
    task_type text NOT NULL,
    title text NOT NULL,
    description text,
    form json NOT NULL,
    state text NOT NULL DEFAULT 'OPEN',
    claimed_by text,
    quorum integer NOT NULL CHECK (quorum > 0),
    due_at timestamptz,
    overdue_at timestamptz,
    escalated_at timestamptz,
    remind_every interval CHECK (remind_every > interval '0'),
    next_reminder_at timestamptz,
    reminders integer NOT NULL DEFAULT 0,
    look_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    closed_by text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX workflow_tasks_newest ON workflow_tasks (tenant, created_at DESC, id DESC);
CREATE INDEX workflow_tasks_by_state
    ON workflow_tasks (tenant, state, created_at DESC, id DESC);
CREATE INDEX workflow_tasks_to_look_at ON workflow_tasks (look_at) WHERE look_at IS NOT NULL;

-- A table and not arrays: under row-level security no operator of arrays can use an index.
CREATE TABLE alga_task_candidates (
    tenant text NOT NULL,
    task_id uuid NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('person', 'group', 'everybody', 'claimer', 'escalation')),
    name text NOT NULL,
    PRIMARY KEY (tenant, task_id, kind, name)
);
CREATE INDEX alga_task_candidates_by_name
    ON alga_task_candidates (tenant, kind, name, task_id);

CREATE TABLE alga_task_answers (
    tenant text NOT NULL,
    task_id uuid NOT NULL,
    person text NOT NULL,
    position integer NOT NULL,
    answer json NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, task_id, person),
    UNIQUE (tenant, task_id, position)
);

CREATE TABLE alga_task_log (
    tenant text NOT NULL,
    task_id uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deed text NOT NULL,
    person text,
    via text,
    detail json,
    PRIMARY KEY (tenant, task_id, number)
);
"""

TRANSITIONS = """
INSERT INTO alga_state_transitions (machine, from_state, to_state)
SELECT 'task', f, t
FROM unnest(ARRAY['OPEN', 'CLAIMED']) f,
     unnest(ARRAY['OPEN', 'CLAIMED', 'COMPLETED', 'EXPIRED', 'CANCELED']) t
WHERE f <> t;
"""

# Whoever ends the wait ends the task, in the same transaction. What the resolution says is not
# looked at: it may hold what the server's functions for JSON refuse.
ENDS_WITH_ITS_WAIT = """
CREATE FUNCTION alga_end_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended text := CASE NEW.status
        WHEN 'RESOLVED' THEN 'COMPLETED' WHEN 'TIMED_OUT' THEN 'EXPIRED' ELSE 'CANCELED' END;
BEGIN
    UPDATE workflow_tasks t
    SET state = ended, closed_at = clock_timestamp(), closed_by = NEW.resolved_by,
        next_reminder_at = NULL, look_at = clock_timestamp()
    WHERE t.tenant = NEW.tenant AND t.id = NEW.id AND t.state IN ('OPEN', 'CLAIMED');
    IF FOUND THEN
        INSERT INTO alga_task_log (tenant, task_id, deed, person)
        VALUES (NEW.tenant, NEW.id, ended, NEW.resolved_by);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER end_task AFTER UPDATE ON workflow_run_waits
    FOR EACH ROW
    WHEN (NEW.kind = 'task' AND OLD.status = 'WAITING' AND NEW.status <> 'WAITING')
    EXECUTE FUNCTION alga_end_task();
"""

ACROSS_TENANTS = """
GRANT SELECT (tenant, id, look_at), UPDATE (look_at) ON workflow_tasks TO alga_workflows_scan;
CREATE POLICY scan_reads ON workflow_tasks FOR SELECT TO alga_workflows_scan
    USING (look_at IS NOT NULL);
CREATE POLICY scan_claims ON workflow_tasks FOR UPDATE TO alga_workflows_scan
    USING (look_at IS NOT NULL) WITH CHECK (look_at IS NOT NULL);

CREATE FUNCTION alga_claim_tasks(at_most integer, lease interval)
RETURNS TABLE (tenant text, task_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT w.tenant, w.id FROM workflow_tasks w
        WHERE w.look_at <= clock_timestamp()
        ORDER BY w.look_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE workflow_tasks t
    SET look_at = clock_timestamp() + lease
    FROM due
    WHERE t.tenant = due.tenant AND t.id = due.id
    RETURNING t.tenant, t.id
$$;
"""

SCRIPTS = (
    TABLES,
    TRANSITIONS,
    ENDS_WITH_ITS_WAIT,
    checked_states("workflow_tasks", "task"),
    own_search_path("alga_end_task()"),
    tenant_tables("workflow_tasks", "alga_task_answers", "alga_task_log"),
    tenant_tables("alga_task_candidates", delete=True),
    ACROSS_TENANTS,
    functions_across_tenants("alga_claim_tasks(integer, interval)"),
)
