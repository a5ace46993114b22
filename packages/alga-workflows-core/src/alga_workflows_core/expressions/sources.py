"""Where an evaluation gets its time and its chance from, and the evaluation that is going on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The run's clock and its seeded chance; an evaluation has no other.

    `now` answers an aware time; it is asked at most once per evaluation. `random` answers
    0 <= x < 1; it is drawn from in the order of the calls.
    """

    now: Callable[[], datetime]
    random: Callable[[], float]


class Evaluation:
    """One evaluation while it goes on: what its functions read, and how the first one failed."""

    __slots__ = ("_now", "failure", "sources", "text")

    def __init__(self, text: str, sources: Sources) -> None:
        self.text = text
        self.sources = sources
        # The engine turns whatever a function raises, KeyboardInterrupt included, into a message.
        self.failure: BaseException | None = None
        self._now: datetime | None = None

    def now(self) -> datetime:
        """The time of this evaluation in UTC, the same at each call."""
        if self._now is None:
            now = self.sources.now()
            if now.tzinfo is None:
                raise ValueError("Sources.now must answer an aware datetime.")
            self._now = now.astimezone(UTC)
        return self._now


class _Current(threading.local):
    evaluation: Evaluation | None = None


# The engine calls functions without a place for the caller's data, and one compiled expression
# serves every run of its thread; so they find their evaluation here.
_current = _Current()


def current() -> Evaluation:
    """The evaluation that goes on in this thread."""
    if _current.evaluation is None:
        raise RuntimeError("No expression is being evaluated in this thread.")
    return _current.evaluation


def enter(evaluation: Evaluation | None) -> Evaluation | None:
    """Make `evaluation` this thread's current one; answers the former, for giving it back."""
    former = _current.evaluation
    _current.evaluation = evaluation
    return former
