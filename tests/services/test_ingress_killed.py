"""Two workers share what comes in and what goes out; either may die at any moment."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from tests.services.ingress_killed import nothing_lost, told_to_both

COUNT = 40
KILLS = 2


async def test_events_come_in_while_workers_are_killed(
    environ: dict[str, str], folder: Path
) -> None:
    """Each event starts its run once and meets its wait once, whichever process it was told to."""
    seed = int(os.environ.get("ALGA_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"ALGA_CHAOS_SEED={seed}\n")
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    environ = {**environ, "CHAOS_FOLDER": str(folder)}
    found = await told_to_both(environ, chance, count=COUNT, kills=KILLS)
    nothing_lost(found, COUNT)
    assert found.kills > 0
