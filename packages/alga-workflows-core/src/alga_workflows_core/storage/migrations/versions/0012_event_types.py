"""Types of events, and what looks for events that were given up or that have ended waits.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import tenant_tables

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A type's versions are immutable but for which of them is active.
TYPES = """
CREATE TABLE workflow_event_types (
    tenant text NOT NULL,
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    hash text NOT NULL,
    schema json,
    keys json NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    PRIMARY KEY (tenant, name, version),
    UNIQUE (tenant, name, hash)
);
CREATE UNIQUE INDEX workflow_event_types_active ON workflow_event_types (tenant, name)
    WHERE active;

CREATE TABLE alga_event_policies (
    tenant text NOT NULL PRIMARY KEY,
    unknown_types text NOT NULL CHECK (unknown_types IN ('accept', 'refuse')),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL
);
"""

INDEXES = """
CREATE INDEX workflow_run_waits_of_event ON workflow_run_waits (tenant, event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX workflow_event_deliveries_given_up ON workflow_event_deliveries (tenant, id)
    WHERE state = 'DEAD' OR state = 'REJECTED';
CREATE INDEX workflow_events_refused ON workflow_events (tenant, id) WHERE state = 'REFUSED';
"""

SCRIPTS = (TYPES, INDEXES, tenant_tables("workflow_event_types", "alga_event_policies"))
