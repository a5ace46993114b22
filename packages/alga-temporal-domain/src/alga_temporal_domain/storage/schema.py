"""The schema of projects, their code and their workers."""

from __future__ import annotations

from alga_workflows_core.infra.migrations import Schema

SCHEMA = Schema(
    package="alga_temporal_domain.storage",
    version_table="alga_temporal_domain_version",
    lock=-8624263798873579869,
    command="temporal-worker migrate",
    name="alga_domain",
)
