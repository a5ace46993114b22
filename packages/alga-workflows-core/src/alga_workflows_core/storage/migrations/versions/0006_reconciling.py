"""What the reconciler finds runs by.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
