"""The table of checkpoints of runs."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)

from alga_workflows_core.storage.columns import metadata, timestamp

run_checkpoints = Table(
    "alga_run_checkpoints",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("checkpoint", Text, nullable=False),
    timestamp("taken_at", required=True),
    PrimaryKeyConstraint("tenant", "run_id"),
    ForeignKeyConstraint(
        ["tenant", "run_id"], ["workflow_runs.tenant", "workflow_runs.id"], ondelete="CASCADE"
    ),
)
