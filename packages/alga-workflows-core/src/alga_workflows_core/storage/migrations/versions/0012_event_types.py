"""Types of events, and what looks for events that were given up or that have ended waits.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX workflow_run_waits_of_event ON workflow_run_waits (tenant, event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX workflow_event_deliveries_given_up ON workflow_event_deliveries (tenant, id)
    WHERE state = 'DEAD' OR state = 'REJECTED';
CREATE INDEX workflow_events_refused ON workflow_events (tenant, id) WHERE state = 'REFUSED';
"""

SCRIPTS = (INDEXES,)


def upgrade(op: Operations) -> None:
    """Run the scripts."""
    for script in SCRIPTS:
        # Without parameters the driver takes several statements and leaves % alone.
        op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
