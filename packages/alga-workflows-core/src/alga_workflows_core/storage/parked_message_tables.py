"""The table of messages that could not be taken as events."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, PrimaryKeyConstraint, Table, Text, Uuid, text

from alga_workflows_core.storage.columns import Prose, metadata, timestamp

parked_messages = Table(
    "alga_parked_messages",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("stream", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("fields", JSON(none_as_null=False), nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Prose, nullable=False),
    timestamp("parked_at", required=True),
    timestamp("retried_at"),
    Column("retried_by", Text),
    PrimaryKeyConstraint("tenant", "id"),
    Index("alga_parked_messages_newest", "tenant", text("parked_at DESC"), text("id DESC")),
)
