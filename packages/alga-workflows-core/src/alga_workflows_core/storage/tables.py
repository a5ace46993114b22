"""The tables, as SQLAlchemy Core sees them. Only repositories in this package import them.

Values that runs produce are `json`, not `jsonb`: `jsonb` refuses the NUL character and half of a
surrogate pair, which are legal JSON and which a remote service may answer with. Every table but
`alga_state_transitions` and `alga_sweeps` belongs to tenants and is under forced row-level
security.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
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

workflow_definitions = Table(
    "workflow_definitions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Prose, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'DRAFT'")),
    Column("draft", Text),
    Column("draft_hash", Text),
    Column("active_version", Integer),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at", required=True),
    Column("updated_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)

workflow_definition_versions = Table(
    "workflow_definition_versions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("actions", JSON(), nullable=False),
    Column("engine", Integer, nullable=False),
    Column("expression_engine", Text, nullable=False),
    Column("note", Prose),
    timestamp("published_at", required=True),
    Column("published_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "definition_id", "version"),
    UniqueConstraint("tenant", "definition_id", "hash"),
    ForeignKeyConstraint(
        ["tenant", "definition_id"], ["workflow_definitions.tenant", "workflow_definitions.id"]
    ),
)

workflow_runs = Table(
    "workflow_runs",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("trigger_type", Text, nullable=False),
    Column("execution_key", Text, nullable=False),
    Column("request_hash", Text),
    Column("payload", JSON(none_as_null=False), nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    Column("temporal_run_id", Text),
    Column("temporal_namespace", Text),
    Column("stop_request", JSON(none_as_null=True)),
    Column("start_attempts", Integer, nullable=False, server_default=text("0")),
    timestamp("start_due_at", required=True),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    timestamp("started_at"),
    timestamp("closed_at"),
    timestamp("updated_at", required=True),
    Column("label", Prose),
    timestamp("reconcile_due_at", required=True),
    Column("reconcile_looks", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant", "id"),
    Index("workflow_runs_newest", "tenant", text("created_at DESC"), text("id DESC")),
    Index(
        "workflow_runs_to_start",
        "start_due_at",
        postgresql_where=text("status IN ('QUEUED', 'STARTING')"),
    ),
    Index(
        "workflow_runs_to_reconcile",
        "reconcile_due_at",
        postgresql_where=text("status IN ('STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED')"),
    ),
    Index("workflow_runs_by_id", "id"),
)

workflow_run_steps = Table(
    "workflow_run_steps",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("path", Text, nullable=False),
    Column("step_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Prose),
    Column("status", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("output", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    timestamp("started_at"),
    timestamp("finished_at"),
    PrimaryKeyConstraint("tenant", "run_id", "path"),
)

workflow_run_waits = Table(
    "workflow_run_waits",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'WAITING'")),
    timestamp("due_at"),
    Column("detail", JSON(none_as_null=False), nullable=False),
    Column("resolution", JSON(none_as_null=True)),
    Column("resolved_by", Prose),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    timestamp("closed_at"),
    Column("event_id", Uuid),
    PrimaryKeyConstraint("tenant", "id"),
    Index("workflow_run_waits_of_run", "tenant", "run_id", "opened_at", "id"),
    Index(
        "workflow_run_waits_event",
        "tenant",
        "run_id",
        "event_id",
        unique=True,
        postgresql_where=text("event_id IS NOT NULL"),
    ),
)

api_keys = Table(
    "alga_api_keys",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("name", Prose, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False),
    timestamp("created_at", required=True),
    timestamp("revoked_at"),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("hash"),
)

state_transitions = Table(
    "alga_state_transitions",
    metadata,
    Column("machine", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("by_new_epoch", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("machine", "from_state", "to_state"),
)

action_ledger = Table(
    "alga_action_ledger",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("step", Prose, nullable=False),
    Column("series", Integer, nullable=False),
    Column("action_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("authored_key", Prose),
    Column("input_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("claimed_by", Uuid, nullable=False),
    timestamp("lease_until"),
    Column("output", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    timestamp("created_at", required=True),
    timestamp("updated_at", required=True),
    timestamp("expires_at"),
    PrimaryKeyConstraint("tenant", "id"),
)

data_entries = Table(
    "alga_data",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("key", Text(collation="C"), nullable=False),
    Column("value", JSON(none_as_null=False), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    timestamp("created_at", required=True),
    timestamp("updated_at", required=True),
    timestamp("expires_at"),
    PrimaryKeyConstraint("tenant", "namespace", "key"),
    Index(
        "alga_data_expiring",
        "tenant",
        "expires_at",
        postgresql_where=text("expires_at IS NOT NULL"),
    ),
)

workflow_actions = Table(
    "workflow_actions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("action_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("short", Boolean, nullable=False),
    Column("queue", Text, nullable=False),
    Column("timeout", Double, nullable=False),
    Column("retry", JSON(), nullable=False),
    Column("description", Text, nullable=False),
    Column("input_schema", JSON(), nullable=False),
    Column("output_schema", JSON(), nullable=False),
    Column("secret_fields", JSON(), nullable=False),
    Column("contract_hash", Text, nullable=False),
    Column("served_by", Text, nullable=False),
    Column("build_id", Text, nullable=False),
    timestamp("advertised_at", required=True),
    timestamp("seen_at", required=True),
    Column("served_until", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant", "action_id", "version"),
)

sweeps = Table(
    "alga_sweeps",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    timestamp("swept_until"),
)

calendars = Table(
    "alga_calendars",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("document", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    timestamp("created_at", required=True),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at", required=True),
    Column("updated_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "name"),
)
