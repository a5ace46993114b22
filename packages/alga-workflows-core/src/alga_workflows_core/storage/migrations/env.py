"""Alembic's entry. `storage.migrate` hands it an open connection; there is no ini file."""

from __future__ import annotations

from alembic import context

from alga_workflows_core.storage.migrate import VERSION_TABLE
from alga_workflows_core.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
