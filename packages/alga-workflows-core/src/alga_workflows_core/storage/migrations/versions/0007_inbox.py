"""The inbox: events that are accepted once, and matched with waits and triggers.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import (
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# For any table and machine: the arguments are the machine and the column.
STATES = """
CREATE FUNCTION alga_check_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_state text;
    new_state text;
BEGIN
    EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) USING NEW INTO new_state;
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state(TG_ARGV[0], new_state);
    ELSE
        EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) USING OLD INTO old_state;
        PERFORM alga_require_transition(TG_ARGV[0], old_state, new_state, false);
    END IF;
    RETURN NEW;
END $$;

INSERT INTO alga_state_transitions (machine, from_state, to_state) VALUES
    ('event', 'STAGED', 'REFUSED'), ('event', 'REFUSED', 'STAGED'),
    ('delivery', 'PENDING', 'HELD'), ('delivery', 'HELD', 'PENDING'), ('delivery', 'HELD', 'GONE'),
    ('delivery', 'PENDING', 'REJECTED'), ('delivery', 'REJECTED', 'PENDING');
"""

# `position` is the order of acceptance. `for_run`: only that run's waits may have it. What an event
# is found by is in a table of its own, since it may have several keys.
EVENTS = """
CREATE SEQUENCE alga_event_position;
GRANT USAGE ON SEQUENCE alga_event_position TO alga_workflows;
ALTER TABLE workflow_events
    ADD COLUMN occurred_at timestamptz,
    ADD COLUMN position bigint,
    ADD COLUMN refusal json,
    ADD COLUMN for_run uuid,
    ADD COLUMN accept_due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN accept_attempts integer NOT NULL DEFAULT 0;
CREATE INDEX workflow_events_newest ON workflow_events (tenant, received_at DESC, id DESC);
CREATE INDEX workflow_events_of_type ON workflow_events (tenant, type, accepted_at, position)
    WHERE state = 'ACCEPTED';

CREATE TABLE alga_event_keys (
    tenant text NOT NULL,
    event_name text NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, event_name, key, event_id)
);
CREATE INDEX alga_event_keys_of_event ON alga_event_keys (tenant, event_id);
"""

# What open waits look for: a row per name and key, without a key where any will do. The rows go
# when the wait ends, whoever ends it. A wait's event is unique in its run: an event satisfies at
# most one wait of a run. `position` is the order in which waits opened: by the clock of their run
# several often open at once.
WAITS = """
ALTER TABLE workflow_run_waits ADD COLUMN event_id uuid;
CREATE UNIQUE INDEX workflow_run_waits_event ON workflow_run_waits (tenant, run_id, event_id)
    WHERE event_id IS NOT NULL;

CREATE TABLE alga_wait_matches (
    tenant text NOT NULL,
    wait_id uuid NOT NULL,
    match integer NOT NULL,
    event_name text NOT NULL,
    correlation_key text,
    position bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (tenant, wait_id, match)
);
CREATE INDEX alga_wait_matches_by_key
    ON alga_wait_matches (tenant, event_name, correlation_key, wait_id);

CREATE FUNCTION alga_forget_matches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM alga_wait_matches m WHERE m.tenant = NEW.tenant AND m.wait_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_matches AFTER UPDATE ON workflow_run_waits
    FOR EACH ROW WHEN (OLD.status = 'WAITING' AND NEW.status <> 'WAITING' AND NEW.kind = 'event')
    EXECUTE FUNCTION alga_forget_matches();

CREATE TABLE alga_event_refusals (
    tenant text NOT NULL,
    event_id uuid NOT NULL,
    target text NOT NULL,
    run_id uuid,
    wait_id uuid,
    definition_id text,
    version integer,
    match integer NOT NULL,
    filter integer NOT NULL,
    PRIMARY KEY (tenant, event_id, target)
);
CREATE INDEX alga_event_refusals_of_run ON alga_event_refusals (tenant, run_id, event_id)
    WHERE run_id IS NOT NULL;
"""

# What published versions have to do with events: `trigger` or `wait`, with that part of the
# document.
VERSIONS = """
CREATE TABLE alga_version_events (
    tenant text NOT NULL,
    definition_id text NOT NULL,
    version integer NOT NULL,
    event_name text NOT NULL,
    use text NOT NULL,
    detail json NOT NULL,
    PRIMARY KEY (tenant, definition_id, version, event_name, use),
    FOREIGN KEY (tenant, definition_id, version)
        REFERENCES workflow_definition_versions (tenant, definition_id, version)
);
CREATE INDEX alga_version_events_by_name ON alga_version_events (tenant, event_name, use);
"""

# A delivery tells a run what ended its wait, starts the run of a trigger (`run_id` is the one that
# it will have), or asks a run to cancel.
DELIVERIES = """
ALTER TABLE workflow_event_deliveries
    ADD COLUMN kind text NOT NULL DEFAULT 'wait' CHECK (kind IN ('wait', 'trigger', 'cancel')),
    ADD COLUMN event_id uuid,
    ADD COLUMN definition_id text,
    ADD COLUMN position bigint NOT NULL DEFAULT 0,
    ADD COLUMN error json,
    ALTER COLUMN wait_id DROP NOT NULL;
CREATE UNIQUE INDEX workflow_event_deliveries_trigger
    ON workflow_event_deliveries (tenant, event_id, definition_id) WHERE kind = 'trigger';
CREATE INDEX workflow_event_deliveries_newest
    ON workflow_event_deliveries (tenant, created_at DESC, id DESC);
CREATE INDEX workflow_event_deliveries_of_event ON workflow_event_deliveries (tenant, event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX workflow_event_deliveries_held ON workflow_event_deliveries (tenant, definition_id)
    WHERE state = 'HELD';
DROP INDEX workflow_event_deliveries_due;
CREATE INDEX workflow_event_deliveries_due ON workflow_event_deliveries (next_at, position)
    WHERE state = 'PENDING';
"""

ACROSS_TENANTS = """
GRANT SELECT (position) ON workflow_event_deliveries TO alga_workflows_scan;
GRANT SELECT (tenant, id, state, received_at, accept_due_at, accept_attempts),
      UPDATE (accept_due_at, accept_attempts)
    ON workflow_events TO alga_workflows_scan;
CREATE POLICY scan_reads ON workflow_events FOR SELECT TO alga_workflows_scan USING (true);
CREATE POLICY scan_claims ON workflow_events FOR UPDATE TO alga_workflows_scan
    USING (state = 'STAGED') WITH CHECK (state = 'STAGED');

CREATE FUNCTION alga_claim_events(at_most integer, lease interval)
RETURNS TABLE (tenant text, event_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT e.tenant, e.id, e.received_at FROM workflow_events e
        WHERE e.state = 'STAGED' AND e.accept_due_at <= clock_timestamp()
        ORDER BY e.received_at, e.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE workflow_events w
        SET accept_attempts = w.accept_attempts + 1,
            accept_due_at = clock_timestamp() + lease * least(w.accept_attempts + 1, 10)
        FROM due
        WHERE w.tenant = due.tenant AND w.id = due.id
        RETURNING w.tenant, w.id, due.received_at
    )
    SELECT c.tenant, c.id FROM claimed c ORDER BY c.received_at, c.id
$$;

-- Only its owner may drop a function. Its name is looked up before: "$user" in a search path means
-- the role.
DO $$
DECLARE former regprocedure := 'alga_claim_deliveries(integer, interval)';
BEGIN
    SET LOCAL ROLE alga_workflows_scan;
    EXECUTE format('DROP FUNCTION %s', former);
    RESET ROLE;
END $$;
CREATE FUNCTION alga_claim_deliveries(at_most integer, lease interval)
RETURNS TABLE (tenant text, delivery_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS MATERIALIZED (
        SELECT d.tenant, d.id, d.next_at, d.position FROM workflow_event_deliveries d
        WHERE d.state = 'PENDING' AND d.next_at <= clock_timestamp()
        ORDER BY d.next_at, d.position
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE workflow_event_deliveries w
        SET attempts = w.attempts + 1, next_at = clock_timestamp() + lease
        FROM due
        WHERE w.tenant = due.tenant AND w.id = due.id
        RETURNING w.tenant, w.id, due.next_at AS was_next_at, due.position
    )
    SELECT c.tenant, c.id FROM claimed c ORDER BY c.was_next_at, c.position
$$;

-- Events that a service tells in a transaction of its own, on the same database. Whoever may
-- execute it tells events of any tenant.
GRANT INSERT ON workflow_events TO alga_workflows_scan;
CREATE POLICY scan_stages ON workflow_events FOR INSERT TO alga_workflows_scan
    WITH CHECK (state = 'STAGED');
CREATE FUNCTION alga_stage_event(
    in_tenant text, row_id uuid, source text, event_id text, type text, subject text,
    correlation_key text, data json, occurred_at timestamptz
) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH staged AS (
        INSERT INTO workflow_events (tenant, id, source, event_id, type, subject, correlation_key,
                                     data, occurred_at)
        VALUES (in_tenant, row_id, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM staged)
$$;
"""

SCRIPTS = (
    STATES,
    EVENTS,
    WAITS,
    VERSIONS,
    DELIVERIES,
    tenant_tables(
        "alga_event_keys",
        "alga_wait_matches",
        "alga_event_refusals",
        "alga_version_events",
        delete=True,
    ),
    "GRANT DELETE ON workflow_events, workflow_event_deliveries TO alga_workflows;",
    ACROSS_TENANTS,
    own_search_path("alga_check_state()", "alga_forget_matches()"),
    functions_across_tenants(
        "alga_claim_events(integer, interval)",
        "alga_claim_deliveries(integer, interval)",
        "alga_stage_event(text, uuid, text, text, text, text, text, json, timestamptz)",
    ),
)
