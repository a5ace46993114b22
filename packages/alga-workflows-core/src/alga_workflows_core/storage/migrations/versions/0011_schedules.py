"""Nothing yet.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCRIPTS: tuple[str, ...] = ()


def upgrade(op: Operations) -> None:
    """Run the scripts."""
    for script in SCRIPTS:
        # Without parameters the driver takes several statements and leaves % alone.
        op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
