"""A worker may be killed at any activity, before it or after it: nothing is lost or done twice."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from temporalio.client import Client

from tests.services.killing import SIDES, run_killed

ACTIVITIES = 25
POINTS = 6


async def test_killed_at_six_activities(
    environ: dict[str, str], temporal_client: Client, folder: Path
) -> None:
    """At six points by chance, in one run; `scripts/chaos` takes all of them."""
    seed = int(os.environ.get("ALGA_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"ALGA_CHAOS_SEED={seed}\n")
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    every = [(number, side) for number in range(ACTIVITIES) for side in SIDES]
    points = sorted(chance.sample(every, POINTS))
    killed = await run_killed(environ, temporal_client, folder, points)
    killed.check()
    assert len(killed.met) >= ACTIVITIES
    assert killed.kills == POINTS
