"""The ledger of actions.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic.operations import Operations

from alga_workflows_core.storage.ledger_schema import LEDGER_TABLE, OUR_ACCESS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Make the table, unless a service that shares the database did, and let our role use it."""
    op.get_bind().exec_driver_sql(
        LEDGER_TABLE + OUR_ACCESS, execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
