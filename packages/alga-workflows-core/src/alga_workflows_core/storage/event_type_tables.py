"""The tables of what tenants say of events."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from alga_workflows_core.storage.columns import metadata, timestamp

workflow_event_types = Table(
    "workflow_event_types",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("schema", JSON(none_as_null=True)),
    Column("keys", JSON(), nullable=False),
    Column("active", Boolean, nullable=False),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "name", "version"),
    UniqueConstraint("tenant", "name", "hash"),
    Index(
        "workflow_event_types_active",
        "tenant",
        "name",
        unique=True,
        postgresql_where=text("active"),
    ),
)

event_policies = Table(
    "alga_event_policies",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("unknown_types", Text, nullable=False),
    timestamp("updated_at", required=True),
    Column("updated_by", Text, nullable=False),
)
