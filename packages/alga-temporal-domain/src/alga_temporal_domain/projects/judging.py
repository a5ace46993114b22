"""What publishing asks about code: what it defines, and whether it may be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What code defines, by the names that Temporal knows."""

    workflows: tuple[str, ...]
    activities: tuple[str, ...]


class Reads(Protocol):
    """Finds out what modules define, without running them."""

    def names(self, files: dict[str, str]) -> Names | Sequence[Finding]:
        """Workflows and activities; or what keeps one from telling."""
        ...


class Judges(Protocol):
    """Finds out whether a bundle may be run."""

    async def judge(self, bundle: Bundle, queue: str) -> Sequence[Finding]:
        """What is wrong with it, for a project whose queue is `queue`: read, and imported once."""
        ...
