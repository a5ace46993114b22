"""Waits, events, time-outs, cancellations and crashes at once, in four processes."""

from __future__ import annotations

import os
import random

from tests.core.events.four_processes import interleave

COUNT = 1_000


async def test_no_event_is_lost_and_none_is_had_twice(database_url: str) -> None:
    """Whatever happens at once, and wherever a process dies: the rows are as the model says."""
    seed = int(os.environ.get("ALGA_INBOX_SEED", random.SystemRandom().randrange(10**6)))
    verdict = await interleave(database_url, seed, COUNT)
    said = "\n".join(verdict.wrong[:20])
    assert not verdict.wrong, f"ALGA_INBOX_SEED={seed}, {len(verdict.wrong)} findings:\n{said}"
    # All of it has happened.
    for end in ("WAITING", "TIMED_OUT", "CANCELED", "met", "looked back"):
        assert verdict.ends[end] > COUNT // 50, verdict.ends
    assert verdict.crashes > COUNT // 5
