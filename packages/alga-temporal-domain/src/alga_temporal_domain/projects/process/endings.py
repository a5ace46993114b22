"""How a project's process has ended, and what that was."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import StrEnum

from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.process.channel import ORPHANED
from alga_temporal_domain.projects.process.frames import Failed

_BAD_BUNDLE = 65
_NEAR = 0.9
_ALLOCATION_FAILED = "memory allocation of"


class EndingKind(StrEnum):
    """What the end of a process means for its slot."""

    WANTED = "wanted"
    """It was told to."""
    BAD_BUNDLE = "bad_bundle"
    """The code cannot be used; starting it again will not help."""
    FENCED = "fenced"
    """Its lease was over."""
    OUT_OF_MEMORY = "out_of_memory"
    """It took more than it may have."""
    HUNG = "hung"
    """It said nothing any more."""
    CRASHED = "crashed"
    """Anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """`exit_code` or `signal` is None, or both when nobody saw how it ended."""

    kind: EndingKind
    reason: str
    exit_code: int | None = None
    signal: int | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a process that has ended.

    `status` as `wait(2)` has it, None if it was not seen; `decided`: why it was killed by us.
    """

    status: int | None
    fenced: bool = False
    peak: int = 0
    memory: int = 0
    stop_wanted: bool = False
    decided: tuple[EndingKind, str] | None = None
    failed: Failed | None = None
    last_words: str = ""


def ending_of(seen: Seen) -> Ending:
    """What it was."""
    if seen.status is None:
        kind, reason = seen.decided or (
            EndingKind.WANTED if seen.stop_wanted else EndingKind.CRASHED,
            "the program that forks processes has ended, and this one with it",
        )
        return Ending(kind=kind, reason=reason)
    code = os.waitstatus_to_exitcode(seen.status)
    exit_code, number = (code, None) if code >= 0 else (None, -code)
    kind, reason = seen.decided or _judge(seen, exit_code, number)
    return Ending(
        kind=kind,
        reason=reason,
        exit_code=exit_code,
        signal=number,
        findings=() if seen.failed is None else seen.failed.findings,
    )


def _judge(seen: Seen, exit_code: int | None, number: int | None) -> tuple[EndingKind, str]:
    if seen.fenced or number == signal.SIGALRM:
        return EndingKind.FENCED, "its lease was over"
    if exit_code is None:
        return _judge_signal(seen, number or 0)
    if exit_code == ORPHANED:
        return EndingKind.FENCED, "its supervisor was gone"
    if exit_code == 0 and seen.stop_wanted:
        return EndingKind.WANTED, "stopped"
    if seen.failed is not None:
        is_bad = exit_code == _BAD_BUNDLE and seen.failed.findings
        return EndingKind.BAD_BUNDLE if is_bad else EndingKind.CRASHED, seen.failed.message
    said = f": {seen.last_words}" if seen.last_words else ""
    return EndingKind.CRASHED, f"it ended by itself with exit code {exit_code}{said}"


def _judge_signal(seen: Seen, number: int) -> tuple[EndingKind, str]:
    is_near = seen.memory and seen.peak >= seen.memory * _NEAR
    if _ALLOCATION_FAILED in seen.last_words or (number == signal.SIGKILL and is_near):
        return EndingKind.OUT_OF_MEMORY, "it took more memory than it may have"
    said = f": {seen.last_words}" if seen.last_words else ""
    return EndingKind.CRASHED, f"it was ended by signal {number} ({signal.strsignal(number)}){said}"
