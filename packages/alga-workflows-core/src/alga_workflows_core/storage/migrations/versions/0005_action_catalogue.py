"""Actions that workers have advertised.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# `tenant` is '*' where an action is there for every tenant; a tenant's own comes before that.
# `served_until`: the lease of whoever advertised it last.
TABLE = """
CREATE TABLE workflow_actions (
    tenant text NOT NULL,
    action_id text NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    short boolean NOT NULL,
    queue text NOT NULL,
    timeout double precision NOT NULL,
    retry json NOT NULL,
    description text NOT NULL,
    input_schema json NOT NULL,
    output_schema json NOT NULL,
    secret_fields json NOT NULL,
    contract_hash text NOT NULL,
    served_by text NOT NULL,
    build_id text NOT NULL,
    advertised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    served_until timestamptz NOT NULL,
    PRIMARY KEY (tenant, action_id, version)
);
"""

# Rows are written by the function below alone, so a tenant's transaction may only read.
ROW_LEVEL_SECURITY = """
ALTER TABLE workflow_actions ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_actions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON workflow_actions TO alga_workflows
    USING (tenant = nullif(current_setting('alga.tenant', true), ''))
    WITH CHECK (tenant = nullif(current_setting('alga.tenant', true), ''));
CREATE POLICY shared_rows ON workflow_actions FOR SELECT TO alga_workflows USING (tenant = '*');
GRANT SELECT ON workflow_actions TO alga_workflows;
GRANT SELECT, INSERT, UPDATE ON workflow_actions TO alga_workflows_scan;
CREATE POLICY scan_writes ON workflow_actions TO alga_workflows_scan
    USING (true) WITH CHECK (true);
"""

# Writes the row only if it is as the caller has seen it: `former` is the hash that it had, null if
# there was none. Whether it was written is all that it answers.
FUNCTION = """
CREATE FUNCTION alga_advertise_action(
    owner text, contract json, hash text, former text, identity text, build text, lease interval)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH written AS (
        INSERT INTO workflow_actions AS a (
            tenant, action_id, version, kind, short, queue, timeout, retry, description,
            input_schema, output_schema, secret_fields, contract_hash, served_by, build_id,
            served_until)
        VALUES (
            owner, contract->>'id', (contract->>'version')::integer, contract->>'kind',
            (contract->>'short')::boolean, contract->>'queue',
            (contract->>'timeout')::double precision, contract->'retry',
            contract->>'description', contract->'inputSchema', contract->'outputSchema',
            contract->'secretFields', hash, identity, build, clock_timestamp() + lease)
        ON CONFLICT (tenant, action_id, version) DO UPDATE SET
            kind = excluded.kind, short = excluded.short, queue = excluded.queue,
            timeout = excluded.timeout, retry = excluded.retry,
            description = excluded.description, input_schema = excluded.input_schema,
            output_schema = excluded.output_schema, secret_fields = excluded.secret_fields,
            contract_hash = excluded.contract_hash,
            served_by = excluded.served_by, build_id = excluded.build_id,
            advertised_at = CASE WHEN a.contract_hash = excluded.contract_hash
                THEN a.advertised_at ELSE excluded.advertised_at END,
            seen_at = excluded.seen_at,
            served_until = CASE WHEN a.contract_hash = excluded.contract_hash
                THEN greatest(a.served_until, excluded.served_until)
                ELSE excluded.served_until END
        WHERE a.contract_hash = former
        RETURNING a.tenant
    )
    SELECT EXISTS (SELECT FROM written)
$$;

DO $$
DECLARE
    here text := current_schema();
    signature regprocedure :=
        'alga_advertise_action(text, json, text, text, text, text, interval)'::regprocedure;
BEGIN
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, here);
    -- A function's owner needs CREATE on its schema at the moment it becomes the owner.
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO alga_workflows_scan', here);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO alga_workflows', signature);
    EXECUTE format('ALTER FUNCTION %s OWNER TO alga_workflows_scan', signature);
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM alga_workflows_scan', here);
END $$;
"""

SCRIPTS = (TABLE, ROW_LEVEL_SECURITY, FUNCTION)
