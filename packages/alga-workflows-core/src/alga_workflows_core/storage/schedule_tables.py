"""The tables of schedules and of their occurrences."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from alga_workflows_core.storage.columns import Prose, metadata, timestamp

workflow_schedules = Table(
    "workflow_schedules",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("calendar", Text),
    Column("document", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'ACTIVE'")),
    Column("reason", Prose),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at", required=True),
    Column("updated_by", Text, nullable=False),
    timestamp("removed_at"),
    timestamp("counted_until", required=True),
    timestamp("keep_due_at", required=True),
    Column("keep_failures", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant", "id"),
    Index("workflow_schedules_of_definition", "tenant", "definition_id", "id"),
    Index("workflow_schedules_to_keep", "keep_due_at"),
)

workflow_schedule_fires = Table(
    "workflow_schedule_fires",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("schedule_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("nominal_at", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("reason", Prose),
    Column("run_id", Uuid),
    timestamp("decided_at", required=True),
    Column("decided_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "schedule_id", "key"),
    Index(
        "workflow_schedule_fires_newest",
        "tenant",
        "schedule_id",
        text("nominal_at DESC"),
        text("key DESC"),
    ),
)
