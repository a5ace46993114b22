"""Key-value data of definitions; events that were published and are not accepted yet.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
