"""Judges code by the gates, which read it, and by one import, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.judging import Names, Package


class Checked(Protocol):
    """What came of an import; no findings: all is well."""

    @property
    def findings(self) -> Sequence[Finding]: ...


class Group(Protocol):
    """What modules define; `findings`: what keeps one from telling."""

    @property
    def files(self) -> dict[str, str]: ...
    @property
    def workflows(self) -> tuple[str, ...]: ...
    @property
    def activities(self) -> tuple[str, ...]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...


class Trials(Protocol):
    """Looks at code in throw-away processes (`process.trials.Trials`)."""

    async def gates(self, bundle: Bundle, queue: str) -> Sequence[Finding]: ...
    async def check(self, bundle: Bundle) -> Checked: ...
    async def names(
        self, groups: Sequence[dict[str, str]], *, siblings: bool = False
    ) -> Sequence[Group]: ...


class CodeJudge:
    """Both `judging.Reads` and `judging.Judges`. Reading a MiB of code would hold up everybody else
    here, as threads share the interpreter."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    async def names(self, files: dict[str, str]) -> Names | Sequence[Finding]:
        """What the modules define, or the definitions that cannot be read or run."""
        (group,) = await self._trials.names([files])
        return _read(group)

    async def packages(self, texts: Sequence[dict[str, str]]) -> Sequence[Package]:
        """The same for packages of a builder, with relative imports."""
        groups = await self._trials.names(texts, siblings=True)
        return [Package(files=group.files, read=_read(group)) for group in groups]

    async def judge(self, bundle: Bundle, queue: str) -> Sequence[Finding]:
        """What the gates find; if they find nothing, what the import does."""
        found = await self._trials.gates(bundle, queue)
        return found or (await self._trials.check(bundle)).findings


def _read(group: Group) -> Names | tuple[Finding, ...]:
    if group.findings:
        return group.findings
    return Names(workflows=group.workflows, activities=group.activities)
