"""The tables of tasks for people."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    Interval,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from alga_workflows_core.storage.columns import Prose, metadata, timestamp

workflow_tasks = Table(
    "workflow_tasks",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("title", Prose, nullable=False),
    Column("description", Prose),
    Column("form", JSON(), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'OPEN'")),
    Column("claimed_by", Text),
    Column("quorum", Integer, nullable=False),
    timestamp("due_at"),
    timestamp("overdue_at"),
    timestamp("escalated_at"),
    Column("remind_every", Interval),
    timestamp("next_reminder_at"),
    Column("reminders", Integer, nullable=False, server_default=text("0")),
    timestamp("look_at"),
    timestamp("created_at", required=True),
    timestamp("closed_at"),
    Column("closed_by", Prose),
    PrimaryKeyConstraint("tenant", "id"),
    Index("workflow_tasks_newest", "tenant", text("created_at DESC"), text("id DESC")),
    Index("workflow_tasks_by_state", "tenant", "state", text("created_at DESC"), text("id DESC")),
    Index("workflow_tasks_to_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
)

task_candidates = Table(
    "alga_task_candidates",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "task_id", "kind", "name"),
    Index("alga_task_candidates_by_name", "tenant", "kind", "name", "task_id"),
)

task_answers = Table(
    "alga_task_answers",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("person", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("answer", JSON(none_as_null=False), nullable=False),
    timestamp("answered_at", required=True),
    PrimaryKeyConstraint("tenant", "task_id", "person"),
    UniqueConstraint("tenant", "task_id", "position"),
)

task_log = Table(
    "alga_task_log",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    timestamp("at", required=True),
    Column("deed", Text, nullable=False),
    Column("person", Prose),
    Column("via", Prose),
    Column("detail", JSON(none_as_null=True)),
    PrimaryKeyConstraint("tenant", "task_id", "number"),
)
