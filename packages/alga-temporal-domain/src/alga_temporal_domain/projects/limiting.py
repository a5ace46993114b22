"""Limits that a project has in place of those of its bundles."""

from __future__ import annotations

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_temporal_domain.storage.projects import ProjectRow


def limits_of(project: ProjectRow, bundle: Bundle) -> Limits:
    """What a worker of the project may have with this code: each limit is the project's, or else
    the bundle's."""
    own = {
        "activities": project.limit_activities,
        "workflows": project.limit_workflows,
        "memory_mb": project.limit_memory_mb,
    }
    given = {name: value for name, value in own.items() if value is not None}
    return bundle.manifest.limits.model_copy(update=given)
