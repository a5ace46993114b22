"""How long the workflow's own code works, and when enough of it has gathered.

A replay does all pure work again, and the SDK ends an activation that works for two seconds. So
work is cut into batches by counting steps, and how long a batch took is asked of a clock, but only
to be recorded: the clock's answer goes to a local activity as its input, which no history holds,
and comes back as its result, which the history does. Decisions are made of what came back.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_BATCH = 50
"""Steps before anybody knows how fast they are."""

LARGEST_BATCH = 2_000
BATCH_MS = 250.0
"""How long a batch should take. The SDK's limit is 2,000; machines differ, and so do steps."""

GROWTH = 8.0


class Stopwatch:
    """Of one execution. `clock` answers seconds from any beginning."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._worked = 0.0
        self._batch = float(FIRST_BATCH)
        self._steps = 0.0
        self.recorded_ms = 0
        """The work of this execution, as its history knows it."""

    @property
    def is_due(self) -> bool:
        """Whether a batch is full, so that its time has to be recorded."""
        return self._steps >= self._batch

    def step(self, weight: float = 1.0) -> None:
        """A step begins, which counts as `weight` simple ones."""
        self._steps += weight

    def resume(self) -> None:
        """The workflow's code goes on."""
        self._since = self._clock()

    def pause(self) -> None:
        """It waits, this part of it at least; parts that go on are counted from here."""
        now = self._clock()
        self._worked += now - self._since
        self._since = now

    def milliseconds(self) -> int:
        """Work since the last that was recorded. Not the same in a replay."""
        self.pause()
        return round(self._worked * 1000)

    def record(self, milliseconds: int) -> None:
        """What the history says of the work before this. The next batch follows from it."""
        self.recorded_ms += milliseconds
        if self.is_due:
            factor = min(GROWTH, BATCH_MS / max(milliseconds, 1))
            self._batch = min(LARGEST_BATCH, max(1.0, self._batch * factor))
        self._steps = 0.0
        self._worked = 0.0
