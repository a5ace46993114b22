"""When a process that has crashed is started again, and when no more."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from alga_workflows_core.infra.supervisor import Backoff

BACKOFF = Backoff(first=1.0, longest=60.0, reset_after=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """`most` crashes within `window` seconds are a crash loop: the version is quarantined.

    The wait after a crash is `backoff`'s, give or take the share `jitter`; who was ready for
    `backoff.reset_after` seconds begins anew.
    """

    backoff: Backoff = BACKOFF
    jitter: float = 0.2
    most: int = 5
    window: timedelta = timedelta(minutes=10)

    def delay(self, crashes: int) -> timedelta:
        """The wait after the last of so many crashes in a row."""
        share = 1 + random.uniform(-self.jitter, self.jitter)  # noqa: S311 - to spread starts
        return timedelta(seconds=self.backoff.delay(crashes) * share)

    def is_loop(self, recent: int) -> bool:
        """Whether so many crashes in the window are enough."""
        return recent >= self.most
