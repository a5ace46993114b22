"""Whether an attempt that failed is followed by another one soon, or the run has to decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alga_workflows_core.definition.action_spec import RetrySpec
from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.durations import due_after
from alga_workflows_core.interpreter.retrying import (
    MAX_ELAPSED,
    delay,
    pointless_before,
    speaks_of,
)

SHORT_BACKOFF = timedelta(seconds=10)
"""Longer than this a run waits by itself, where it can be seen, paused and settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call is tried. `policy` is the document's, else `spec` counts, the action's own.

    `first_at` is when attempt 1 began.
    """

    policy: RetryPolicy | None
    spec: RetrySpec
    first_at: datetime

    def next(
        self, error: ErrorInfo, *, attempt: int, now: datetime, chance: float
    ) -> timedelta | None:
        """The time until the attempt after number `attempt`, which failed with `error`.

        None if there is none, or not within `SHORT_BACKOFF`: the run waits for it then, or gives
        up. `chance` (0 <= chance < 1) is for jitter.
        """
        if self.policy is None:
            if not error.retryable or attempt >= self.spec.max_attempts:
                return None
            wanted = _own_delay(self.spec, attempt)
        else:
            if attempt >= self.policy.max_attempts or not speaks_of(self.policy, error):
                return None
            wanted = delay(self.policy, attempt, chance)
        wanted = max(wanted, pointless_before(error))
        return wanted if wanted <= SHORT_BACKOFF and self.lasts(now + wanted) else None

    def lasts(self, until: datetime) -> bool:
        """Whether an attempt may start that late."""
        longest = None if self.policy is None else self.policy.max_elapsed
        # Months and years are counted in UTC here; the run knows its zone and decides last.
        return until <= due_after(longest or MAX_ELAPSED, self.first_at, "UTC")


def _own_delay(spec: RetrySpec, attempt: int) -> timedelta:
    try:
        seconds = spec.first_delay * spec.multiplier ** (attempt - 1)
    except OverflowError:
        seconds = spec.max_delay
    return timedelta(seconds=min(seconds, spec.max_delay))


def postponed(number: int) -> timedelta:
    """The time after the `number`-th time in a row that a handler could not even be called."""
    return min(timedelta(seconds=0.5 * 2.0 ** min(number - 1, 10)), SHORT_BACKOFF)
