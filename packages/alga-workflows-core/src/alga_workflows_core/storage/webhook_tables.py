"""The table of webhooks."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from alga_workflows_core.storage.columns import metadata, timestamp

webhooks = Table(
    "alga_webhooks",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("id_path", Text),
    Column("key_path", Text),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    timestamp("previous_until"),
    Column("tolerance", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at", required=True),
    Column("updated_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "name"),
    UniqueConstraint("id"),
)
