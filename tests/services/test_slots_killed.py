"""Limits hold, and children are neither lost nor doubled, whatever becomes of the workers."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from tests.services.slots_killed import limits, occupied

RUNS = 4
KILLS = 3


async def test_limits_hold_while_workers_are_killed(environ: dict[str, str], folder: Path) -> None:
    """Never more runs of a key than may be, in order, each with its children; no slot is left."""
    seed = int(os.environ.get("ALGA_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"ALGA_CHAOS_SEED={seed}\n")
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    found = await occupied(environ, folder, chance, runs=RUNS, kills=KILLS)
    limits(found)
    assert found.runs.total() == 2 * RUNS
    assert found.children.total() == 4 * RUNS
    assert found.kills > 0
