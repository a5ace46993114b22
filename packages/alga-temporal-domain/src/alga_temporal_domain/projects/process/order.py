"""What a project's process is told at its start: one JSON object over its control socket."""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_workflows_core.types.model import Model

_READING_MB = 256


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


class CodeOrder(Model):
    """Of those that load a bundle."""

    bundle: Bundle
    limits: Limits | None = None
    """In place of the bundle's own, which are part of what it is named by."""

    @property
    def bounds(self) -> Limits:
        """How much of the machine the process may have."""
        return self.limits or self.bundle.manifest.limits


class WorkOrder(CodeOrder):
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


class CheckOrder(CodeOrder):
    """Import the modules, tell what they define, end."""

    kind: Literal["check"] = "check"


class ReplayOrder(CodeOrder):
    """Replay histories with this code, tell which do not fit, end.

    `histories`: by workflow id, as the JSON of `WorkflowHistory.to_json`.
    """

    kind: Literal["replay"] = "replay"
    histories: dict[str, str]


class ReadOrder(Model):
    """Of those that only read code."""

    @property
    def bounds(self) -> Limits:
        """The same for all."""
        return Limits(activities=1, workflows=1, memory_mb=_READING_MB)


class GatesOrder(ReadOrder):
    """Hold a bundle against the gates, which read it, tell what they find, end.

    `queue`: that of its project.
    """

    kind: Literal["gates"] = "gates"
    bundle: Bundle
    queue: str


class NamesOrder(ReadOrder):
    """Tell what groups of modules define, each for itself, and end.

    `siblings`: they are a builder's texts, which import each other by their bare names; the answer
    has them with relative imports.
    """

    kind: Literal["names"] = "names"
    groups: tuple[dict[str, str], ...]
    siblings: bool = False


Trial: TypeAlias = CheckOrder | ReplayOrder | GatesOrder | NamesOrder
"""What a throw-away process does."""

Order: TypeAlias = WorkOrder | Trial
