"""Judges code by the gates, which read it, and by one import in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from alga_temporal_domain.projects.builtin.catalogue import RESERVED
from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.gates import check
from alga_temporal_domain.projects.judging import Names
from alga_temporal_domain.projects.reading import Definition, defined


class Checked(Protocol):
    """What came of an import; no findings: all is well."""

    @property
    def findings(self) -> Sequence[Finding]: ...


class Imports(Protocol):
    """Imports bundles in throw-away processes (`process.launcher.Launcher`)."""

    async def check(self, bundle: Bundle) -> Checked: ...


class CodeJudge:
    """Both `judging.Reads` and `judging.Judges`."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    def names(self, files: dict[str, str]) -> Names | Sequence[Finding]:
        """What the modules define, or the definitions that cannot be read or run."""
        read = defined(files)
        if read.faults:
            return read.faults
        return Names(workflows=_names(read.workflows), activities=_names(read.activities))

    async def judge(self, bundle: Bundle, queue: str) -> Sequence[Finding]:
        """What the gates find; if they find nothing, what the import does."""
        # Reading a MiB of code takes long enough to hold up everybody else.
        found = await asyncio.to_thread(check, bundle, reserved=RESERVED, queue=queue)
        return found or (await self._imports.check(bundle)).findings


def _names(definitions: Sequence[Definition]) -> tuple[str, ...]:
    """Each once; the gates find names that are there twice."""
    return tuple(dict.fromkeys(one.name for one in definitions))
