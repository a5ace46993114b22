"""The tables of events, of what looks for them, and of what is delivered."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from alga_workflows_core.storage.columns import Prose, metadata, timestamp

workflow_event_deliveries = Table(
    "workflow_event_deliveries",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("wait_id", Uuid),
    Column("state", Text, nullable=False, server_default=text("'PENDING'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    timestamp("next_at", required=True),
    Column("last_error", Prose),
    timestamp("created_at", required=True),
    timestamp("closed_at"),
    Column("kind", Text, nullable=False, server_default=text("'wait'")),
    Column("event_id", Uuid),
    Column("definition_id", Text),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("error", JSON(none_as_null=True)),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "wait_id"),
    Index(
        "workflow_event_deliveries_due",
        "next_at",
        "position",
        postgresql_where=text("state = 'PENDING'"),
    ),
    Index(
        "workflow_event_deliveries_trigger",
        "tenant",
        "event_id",
        "definition_id",
        unique=True,
        postgresql_where=text("kind = 'trigger'"),
    ),
    Index(
        "workflow_event_deliveries_newest",
        "tenant",
        text("created_at DESC"),
        text("id DESC"),
    ),
    Index(
        "workflow_event_deliveries_of_event",
        "tenant",
        "event_id",
        postgresql_where=text("event_id IS NOT NULL"),
    ),
    Index(
        "workflow_event_deliveries_held",
        "tenant",
        "definition_id",
        postgresql_where=text("state = 'HELD'"),
    ),
    Index(
        "workflow_event_deliveries_given_up",
        "tenant",
        "id",
        postgresql_where=text("state = 'DEAD' OR state = 'REJECTED'"),
    ),
)

workflow_events = Table(
    "workflow_events",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text),
    Column("correlation_key", Text),
    Column("data", JSON(none_as_null=False), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'STAGED'")),
    Column("published_by_run", Uuid),
    timestamp("received_at", required=True),
    timestamp("accepted_at"),
    timestamp("occurred_at"),
    Column("position", BigInteger),
    Column("refusal", JSON(none_as_null=True)),
    Column("for_run", Uuid),
    timestamp("accept_due_at", required=True),
    Column("accept_attempts", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "source", "event_id"),
    Index("workflow_events_newest", "tenant", text("received_at DESC"), text("id DESC")),
    Index(
        "workflow_events_of_type",
        "tenant",
        "type",
        "accepted_at",
        "position",
        postgresql_where=text("state = 'ACCEPTED'"),
    ),
    Index("workflow_events_refused", "tenant", "id", postgresql_where=text("state = 'REFUSED'")),
    Index(
        "workflow_events_to_accept", "received_at", "id", postgresql_where=text("state = 'STAGED'")
    ),
)

event_keys = Table(
    "alga_event_keys",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant", "event_name", "key", "event_id"),
    Index("alga_event_keys_of_event", "tenant", "event_id"),
)

wait_matches = Table(
    "alga_wait_matches",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("wait_id", Uuid, nullable=False),
    Column("match", Integer, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("correlation_key", Text),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    PrimaryKeyConstraint("tenant", "wait_id", "match"),
    Index("alga_wait_matches_by_key", "tenant", "event_name", "correlation_key", "wait_id"),
)

event_refusals = Table(
    "alga_event_refusals",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("target", Text, nullable=False),
    Column("run_id", Uuid),
    Column("wait_id", Uuid),
    Column("definition_id", Text),
    Column("version", Integer),
    Column("match", Integer, nullable=False),
    Column("filter", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "event_id", "target"),
    Index(
        "alga_event_refusals_of_run",
        "tenant",
        "run_id",
        "event_id",
        postgresql_where=text("run_id IS NOT NULL"),
    ),
)

version_events = Table(
    "alga_version_events",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("use", Text, nullable=False),
    Column("detail", JSON(none_as_null=False), nullable=False),
    PrimaryKeyConstraint("tenant", "definition_id", "version", "event_name", "use"),
    ForeignKeyConstraint(
        ["tenant", "definition_id", "version"],
        [
            "workflow_definition_versions.tenant",
            "workflow_definition_versions.definition_id",
            "workflow_definition_versions.version",
        ],
    ),
    Index("alga_version_events_by_name", "tenant", "event_name", "use"),
)
