"""What is tried in throw-away processes before anybody relies on it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.process.children import EndedError, Outcome
from alga_temporal_domain.projects.process.endings import EndingKind
from alga_temporal_domain.projects.process.frames import Checked, Group, Named, Replayed
from alga_temporal_domain.projects.process.order import (
    CheckOrder,
    GatesOrder,
    NamesOrder,
    ReplayOrder,
    Trial,
)
from alga_workflows_core.errors import FindingsError

_SECONDS_TO_READ = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What came of importing a bundle's modules; no findings: all is well."""

    findings: tuple[Finding, ...]
    load_seconds: float


class Trials(ABC):
    """Whatever the code does or is, the answer comes, in time, and nothing of it is left."""

    @abstractmethod
    async def _try(self, order: Trial, seconds: float) -> Outcome:
        """What a process has found. EndedError when it has ended instead, TimeoutError."""

    async def check(self, bundle: Bundle, *, seconds: float = 10.0) -> CheckResult:
        """Import the modules in a process of their own without any network, and end it."""
        began = time.monotonic()
        try:
            outcome = await self._try(CheckOrder(bundle=bundle), seconds)
        except EndedError as error:
            said = f"Importing the modules ended the process: {error.ending.reason}."
            if error.ending.kind is EndingKind.OUT_OF_MEMORY:
                said = (
                    f"Importing the modules took more than {bundle.manifest.limits.memory_mb} MiB."
                )
        except TimeoutError:
            said = f"Importing the modules takes longer than {seconds:g} seconds."
        else:
            if isinstance(outcome, Checked):
                return CheckResult(findings=outcome.findings, load_seconds=outcome.load_seconds)
            said = "Importing the modules gave no answer."
        finding = Finding(rule=Rule.LOAD_FAILED, message=said)
        return CheckResult(findings=(finding,), load_seconds=time.monotonic() - began)

    async def replay(
        self, bundle: Bundle, histories: dict[str, str], *, seconds: float = 30.0
    ) -> dict[str, str | None]:
        """Per workflow id why the code does not fit its history, None where it does.

        FindingsError when the code cannot be loaded, TooLargeError when the histories are more
        than one process can be given.
        """
        try:
            outcome = await self._try(ReplayOrder(bundle=bundle, histories=histories), seconds)
        except EndedError as error:
            if error.ending.findings:
                raise FindingsError(
                    error.ending.reason,
                    details={"findings": [one.model_dump() for one in error.ending.findings]},
                ) from error
            failure = f"Replaying ended the process: {error.ending.reason}."
        except TimeoutError:
            failure = f"Replaying takes longer than {seconds:g} seconds."
        else:
            if isinstance(outcome, Replayed):
                return outcome.failures
            failure = "Replaying gave no answer."
        return dict.fromkeys(histories, failure)

    async def gates(self, bundle: Bundle, queue: str) -> tuple[Finding, ...]:
        """What the gates find, which read code and run none of it. Another process does so, as
        the reading of a large bundle would hold up this one."""
        outcome = await self._read(GatesOrder(bundle=bundle, queue=queue))
        return outcome.findings if isinstance(outcome, Checked) else _unread(outcome)

    async def names(
        self, groups: Sequence[dict[str, str]], *, siblings: bool = False
    ) -> Sequence[Group]:
        """What each group of modules defines, in the same order. `siblings`: see `NamesOrder`."""
        outcome = await self._read(NamesOrder(groups=tuple(groups), siblings=siblings))
        if isinstance(outcome, Named):
            return outcome.groups
        return [Group(files=files, findings=_unread(outcome)) for files in groups]

    async def _read(self, order: GatesOrder | NamesOrder) -> Outcome | str:
        """What was found, or why there was nothing."""
        try:
            return await self._try(order, _SECONDS_TO_READ)
        except EndedError as error:
            if error.ending.kind is EndingKind.OUT_OF_MEMORY:
                return "it takes more memory than there is for that"
            return f"the process ended: {error.ending.reason}"
        except TimeoutError:
            return f"it takes longer than {_SECONDS_TO_READ:g} seconds"


def _unread(outcome: Outcome | str) -> tuple[Finding, ...]:
    why = outcome if isinstance(outcome, str) else "it gave no answer"
    message = f"The code could not be read: {why}. Divide it, or keep data elsewhere."
    return (Finding(rule=Rule.TOO_LARGE, message=message),)
