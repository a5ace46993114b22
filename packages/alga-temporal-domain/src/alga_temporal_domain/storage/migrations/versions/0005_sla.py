"""SLA clocks, and CloudEvents that go out.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import functions_across_tenants, tenant_tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# `state` is all that an execution needs to go on. `is_attached` says that one was started with it;
# until then nobody but the row knows of the item.
SLA = """
CREATE TABLE sla_items (
    tenant text NOT NULL,
    item text NOT NULL,
    is_open boolean NOT NULL,
    is_attached boolean NOT NULL DEFAULT false,
    state json NOT NULL,
    sequence bigint NOT NULL,
    level integer NOT NULL,
    started_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    next_due timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, item)
);
CREATE INDEX sla_items_newest ON sla_items (tenant, created_at DESC, item DESC);
CREATE INDEX sla_items_due ON sla_items (tenant, next_due, item) WHERE is_open;
CREATE INDEX sla_items_left ON sla_items (updated_at) WHERE is_open AND NOT is_attached;
CREATE INDEX sla_items_late ON sla_items (next_due) WHERE is_open;

CREATE TABLE sla_clocks (
    tenant text NOT NULL,
    item text NOT NULL,
    name text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('running', 'paused', 'completed', 'cancelled')),
    target interval NOT NULL,
    spent interval NOT NULL,
    at timestamptz NOT NULL,
    deadline timestamptz,
    pause_reason text,
    breached_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (tenant, item, name),
    FOREIGN KEY (tenant, item) REFERENCES sla_items (tenant, item)
);

CREATE TABLE sla_changes (
    tenant text NOT NULL,
    item text NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    clock text,
    at timestamptz NOT NULL,
    actor text,
    data json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, item, seq),
    FOREIGN KEY (tenant, item) REFERENCES sla_items (tenant, item)
);
"""

# Of a stream the oldest pending row is delivered, never a later one. `token` is who may say what
# became of a delivery; `attempts` counts answers that refused it.
OUTGOING = """
CREATE TABLE outgoing_events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    id uuid NOT NULL UNIQUE,
    stream text NOT NULL,
    type text NOT NULL,
    event json NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    token uuid,
    reason text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE INDEX outgoing_events_pending ON outgoing_events (tenant, stream, seq)
    WHERE state = 'pending';
CREATE INDEX outgoing_events_due ON outgoing_events (due_at, seq) WHERE state = 'pending';
CREATE INDEX outgoing_events_ended ON outgoing_events (tenant, state, seq DESC);
CREATE INDEX outgoing_events_old ON outgoing_events (ended_at) WHERE state = 'delivered';
"""

ACROSS_TENANTS = """
GRANT SELECT (tenant, item, is_open, is_attached, next_due, updated_at) ON sla_items
    TO alga_workflows_scan;
CREATE POLICY scan_reads ON sla_items FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION sla_items_left(patience interval, at_most integer)
    RETURNS TABLE (tenant text, item text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    (SELECT i.tenant, i.item FROM sla_items i
     WHERE i.is_open AND NOT i.is_attached AND i.updated_at < clock_timestamp() - patience
     ORDER BY i.updated_at LIMIT at_most)
    UNION ALL
    (SELECT i.tenant, i.item FROM sla_items i
     WHERE i.is_open AND i.is_attached AND i.next_due < clock_timestamp() - patience
     ORDER BY i.next_due LIMIT at_most)
$$;

GRANT SELECT, UPDATE, DELETE ON outgoing_events TO alga_workflows_scan;
CREATE POLICY scan_claims ON outgoing_events TO alga_workflows_scan
    USING (true) WITH CHECK (true);
CREATE FUNCTION claim_outgoing_events(by_token uuid, lease interval, at_most integer)
    RETURNS TABLE (seq bigint, tenant text, id uuid, stream text, type text, event json,
        attempts integer, failures integer)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH due AS (
        SELECT e.seq FROM outgoing_events e
        WHERE e.state = 'pending' AND e.due_at <= clock_timestamp()
          AND NOT EXISTS (
              SELECT FROM outgoing_events b
              WHERE b.tenant = e.tenant AND b.stream = e.stream AND b.state = 'pending'
                AND b.seq < e.seq)
        ORDER BY e.due_at, e.seq LIMIT at_most FOR UPDATE SKIP LOCKED
    )
    UPDATE outgoing_events e SET token = by_token, due_at = clock_timestamp() + lease
    FROM due WHERE e.seq = due.seq
    RETURNING e.seq, e.tenant, e.id, e.stream, e.type, e.event, e.attempts, e.failures
$$;
CREATE FUNCTION outgoing_backlog()
    RETURNS TABLE (pending bigint, dead bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT count(*) FILTER (WHERE e.state = 'pending'), count(*) FILTER (WHERE e.state = 'dead'),
        min(e.created_at) FILTER (WHERE e.state = 'pending')
    FROM outgoing_events e WHERE e.state IN ('pending', 'dead')
$$;
CREATE FUNCTION forget_outgoing_events(kept interval, at_most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH old AS (
        SELECT e.seq FROM outgoing_events e
        WHERE e.state = 'delivered' AND e.ended_at < clock_timestamp() - kept
        ORDER BY e.ended_at LIMIT at_most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM outgoing_events e USING old WHERE e.seq = old.seq RETURNING e.seq
    )
    SELECT count(*) FROM gone
$$;
"""

SCRIPTS: tuple[str, ...] = (
    SLA,
    OUTGOING,
    tenant_tables("sla_items", "sla_clocks", "sla_changes", "outgoing_events"),
    ACROSS_TENANTS,
    functions_across_tenants(
        "sla_items_left(interval, integer)",
        "claim_outgoing_events(uuid, interval, integer)",
        "outgoing_backlog()",
        "forget_outgoing_events(interval, integer)",
    ),
)
