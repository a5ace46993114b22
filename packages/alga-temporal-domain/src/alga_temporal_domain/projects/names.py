"""What a project is called in Temporal."""

from __future__ import annotations

from uuid import UUID

BUILD_ID_LENGTH = 16


def deployment_name(project_id: UUID) -> str:
    """The worker deployment that all versions of a project's code belong to."""
    return f"project-{project_id}"


def build_id(bundle_hash: str) -> str:
    """The version of that deployment: the first 16 digits of the bundle's hash."""
    return bundle_hash[:BUILD_ID_LENGTH]


def worker_identity(project_id: UUID, slot: int, epoch: int, host: str) -> str:
    """What pollers call themselves: unique per holder of a slot, since each has its epoch."""
    return f"project:{project_id}#{slot}@{host}/{epoch}"
