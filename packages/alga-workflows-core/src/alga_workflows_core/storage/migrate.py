"""The schema of definitions, runs, events and what belongs to them."""

from __future__ import annotations

from alga_workflows_core.infra.migrations import Schema

SCHEMA = Schema(
    package="alga_workflows_core.storage",
    version_table="alga_workflows_core_version",
    lock=-1797818945110223197,
    command="workflow-worker migrate",
)
