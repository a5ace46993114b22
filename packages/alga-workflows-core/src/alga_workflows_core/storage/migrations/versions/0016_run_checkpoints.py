"""How runs stood when the error came up that they ended with.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import tenant_tables

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# One for each run, that of its newest epoch which has one. It goes with the run.
CHECKPOINTS = """
CREATE TABLE alga_run_checkpoints (
    tenant text NOT NULL,
    run_id uuid NOT NULL,
    epoch integer NOT NULL,
    version integer NOT NULL,
    checkpoint text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, run_id),
    FOREIGN KEY (tenant, run_id) REFERENCES workflow_runs (tenant, id) ON DELETE CASCADE
);
"""

SCRIPTS: tuple[str, ...] = (CHECKPOINTS, tenant_tables("alga_run_checkpoints", delete=True))
