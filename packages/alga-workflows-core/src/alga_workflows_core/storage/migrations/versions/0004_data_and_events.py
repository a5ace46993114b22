"""Key-value data of definitions; events that were published and are not accepted yet.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Keys are ordered by code points, whatever the database's locale: a page of keys begins behind the
# last one, and a prefix is a range of the primary key.
TABLES = """
CREATE TABLE alga_data (
    tenant text NOT NULL,
    namespace text NOT NULL,
    key text COLLATE "C" NOT NULL,
    value json NOT NULL,
    bytes integer NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    PRIMARY KEY (tenant, namespace, key)
);
CREATE INDEX alga_data_expiring ON alga_data (tenant, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE workflow_events (
    tenant text NOT NULL,
    id uuid NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    subject text,
    correlation_key text,
    data json NOT NULL,
    state text NOT NULL DEFAULT 'STAGED',
    published_by_run uuid,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    accepted_at timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, source, event_id)
);
CREATE INDEX workflow_events_to_accept ON workflow_events (received_at, id)
    WHERE state = 'STAGED';
"""

TRANSITIONS = """
INSERT INTO alga_state_transitions (machine, from_state, to_state) VALUES
    ('event', 'STAGED', 'ACCEPTED');

CREATE FUNCTION alga_check_event_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM alga_require_state('event', NEW.state);
    ELSE
        PERFORM alga_require_transition('event', OLD.state, NEW.state, false);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER known_state BEFORE INSERT ON workflow_events
    FOR EACH ROW EXECUTE FUNCTION alga_check_event_state();
CREATE TRIGGER legal_transition BEFORE UPDATE ON workflow_events
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION alga_check_event_state();

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION alga_check_event_state() SET search_path = %I, pg_temp',
                   current_schema());
END $$;
"""

# A tenant that is not set is null, or empty where a former transaction has set one.
ROW_LEVEL_SECURITY = """
DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['alga_data', 'workflow_events'] LOOP
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
GRANT DELETE ON alga_data TO alga_workflows;
"""

SCRIPTS = (TABLES, TRANSITIONS, ROW_LEVEL_SECURITY)
