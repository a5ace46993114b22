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


def worker_identity(project_id: UUID, bundle_hash: str, slot: int, epoch: int, host: str) -> str:
    """Who holds a slot, as Temporal is told: unique, since each holder has its own epoch."""
    return f"project:{project_id}:{build_id(bundle_hash)}#{slot}@{host}/{epoch}"


def poller_identity(worker: str, pid: int) -> str:
    """What the pollers of one process of that holder call themselves.

    With the process's id: Temporal lists a poller for minutes after its process has ended, and the
    next one in the same epoch is not to be taken for it.
    """
    return f"{worker}:{pid}"
