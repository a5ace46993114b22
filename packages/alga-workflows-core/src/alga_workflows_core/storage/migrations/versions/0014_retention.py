"""Events are not kept for ever: what old ones are found by, and who may still need them.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import functions_across_tenants

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# An open run may look back to its beginning.
OPEN_RUNS = """
CREATE INDEX workflow_runs_open ON workflow_runs (tenant, definition_id, version, created_at)
    WHERE status IN ('QUEUED', 'STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED');
"""

# From tenant to tenant along the index, past all events of each.
ACROSS_TENANTS = """
CREATE FUNCTION alga_tenants_with_events(behind text, most integer)
RETURNS TABLE (tenant text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    WITH RECURSIVE found (tenant) AS (
        (SELECT e.tenant FROM workflow_events e WHERE e.tenant > behind
         ORDER BY e.tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT e.tenant FROM workflow_events e WHERE e.tenant > f.tenant
                ORDER BY e.tenant LIMIT 1)
        FROM found f WHERE f.tenant IS NOT NULL
    )
    SELECT f.tenant FROM found f WHERE f.tenant IS NOT NULL LIMIT most
$$;
"""

SCRIPTS = (
    OPEN_RUNS,
    ACROSS_TENANTS,
    functions_across_tenants("alga_tenants_with_events(text, integer)"),
)
