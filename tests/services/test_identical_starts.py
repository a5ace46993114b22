"""Starts that are one and the same."""

from __future__ import annotations

import random
from pathlib import Path

from tests.api.service import published, returning
from tests.services.command import client
from tests.services.identical_starts import asked_at_once
from tests.services.workers import Workers

COUNT = 1_000


async def test_a_thousand_identical_starts_make_one_run(
    environ: dict[str, str], folder: Path
) -> None:
    """With one Idempotency-Key, at once, of two processes: all are answered with the same run."""
    environ = {**environ, "CHAOS_FOLDER": str(folder)}
    chance = random.Random(1)  # noqa: S311 - nobody is killed
    async with Workers(environ, chance).running() as workers:
        for url in await workers.ready():
            async with client(f"{url}/api/v1") as api:
                await published(api, returning("once", {"$expr": "payload.n"}))
        answered = await asked_at_once(workers, "once", COUNT)
        async with client(f"{workers.urls()[0]}/api/v1") as api:
            runs = (await api.get("/runs", params={"definition": "once"})).json()["items"]
    assert [run["runId"] for run in runs] == list(answered)
    assert answered.total() == COUNT
