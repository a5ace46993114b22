"""What a project's process is told at its start: one JSON object over its control socket."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_workflows_core.types.model import Model


class TemporalTarget(Model):
    """How the process connects. Secrets are in memory only, of this process and its supervisor."""

    address: str
    namespace: str
    api_key: str | None = None
    tls: bool = False
    server_name: str | None = None
    """Whose certificate it has to be, where that is not the address's host."""
    server_root_ca: str | None = None
    """PEM."""
    client_cert: str | None = None
    client_key: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    """Headers of every call."""


class Order(Model):
    """What each of them has."""

    bundle: Bundle
    limits: Limits | None = None
    """In place of the bundle's own, which are part of what it is named by."""

    @property
    def bounds(self) -> Limits:
        """How much of the machine the process may have."""
        return self.limits or self.bundle.manifest.limits


class WorkOrder(Order):
    """Poll the project's queue with this code until told to stop, or the lease is over."""

    kind: Literal["work"] = "work"
    project_id: UUID
    bundle_hash: str
    """Held against the bundle once more before it is loaded."""
    queue: str
    slot: int
    epoch: int
    identity: str
    """Of the slot's holder; the process adds its own id."""
    temporal: TemporalTarget
    graceful_seconds: float = 10.0
    """What running activities get to finish after a stop."""


class CheckOrder(Order):
    """Import the modules, tell what they define, end."""

    kind: Literal["check"] = "check"


class ReplayOrder(Order):
    """Replay histories with this code, tell which do not fit, end.

    `histories`: by workflow id, as the JSON of `WorkflowHistory.to_json`.
    """

    kind: Literal["replay"] = "replay"
    histories: dict[str, str]
