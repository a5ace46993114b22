"""Runs that runs have started.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# `parent_wait_id` is null if nobody waits for the run, the other ids are if no run has started it.
CHILDREN = """
ALTER TABLE workflow_runs
    ADD COLUMN parent_run_id uuid,
    ADD COLUMN parent_wait_id uuid,
    ADD COLUMN root_run_id uuid,
    ADD COLUMN depth integer NOT NULL DEFAULT 0;
CREATE INDEX workflow_runs_of_parent
    ON workflow_runs (tenant, parent_run_id, created_at DESC, id DESC)
    WHERE parent_run_id IS NOT NULL;
"""

SCRIPTS = (CHILDREN,)


def upgrade(op: Operations) -> None:
    """Run the scripts."""
    for script in SCRIPTS:
        # Without parameters the driver takes several statements and leaves % alone.
        op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
