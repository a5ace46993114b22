"""The ledger of actions.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
