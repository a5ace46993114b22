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


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Modules that were read: `files` as they are to be run, what they define or what keeps one
    from telling."""

    files: dict[str, str]
    read: Names | tuple[Finding, ...]


class Reads(Protocol):
    """Finds out what modules define, without running them."""

    async def names(self, files: dict[str, str]) -> Names | Sequence[Finding]:
        """Workflows and activities; or what keeps one from telling."""
        ...

    async def packages(self, texts: Sequence[dict[str, str]]) -> Sequence[Package]:
        """The same for several packages of a builder's texts, which come with relative imports."""
        ...


class Judges(Protocol):
    """Finds out whether a bundle may be run."""

    async def judge(self, bundle: Bundle, queue: str) -> Sequence[Finding]:
        """What is wrong with it, for a project whose queue is `queue`: read, and imported once."""
        ...
