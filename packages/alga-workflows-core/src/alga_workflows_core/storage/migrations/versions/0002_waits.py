"""Waits of runs, and what wakes the runs that they belong to.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Refuse: a schema is never taken back."""
    raise RuntimeError("Migrations are not taken back; restore the database instead.")
