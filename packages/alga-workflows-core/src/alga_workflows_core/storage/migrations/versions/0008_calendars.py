"""Calendars of tenants.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import tenant_tables

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# `hash` is that of the document. Names are ordered by code points, whatever the database's locale.
TABLES = """
CREATE TABLE alga_calendars (
    tenant text NOT NULL,
    name text COLLATE "C" NOT NULL,
    document text NOT NULL,
    hash text NOT NULL,
    revision bigint NOT NULL DEFAULT 1 CHECK (revision > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    PRIMARY KEY (tenant, name)
);
"""

SCRIPTS: tuple[str, ...] = (TABLES, tenant_tables("alga_calendars", delete=True))
