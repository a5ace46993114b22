"""One start, asked for by many at once of two processes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.service import published, returning
from tests.services.command import client
from tests.services.workers import Workers


@dataclass(frozen=True, slots=True)
class Starts:
    """`run`: the only one that there is; `answered`: how often each was the answer."""

    run: str
    answered: Counter[str]


async def one_run(environ: Mapping[str, str], count: int) -> Starts:
    """Publish a definition and ask two workers for one run of it, `count` times at once."""
    chance = random.Random(1)  # noqa: S311 - nobody is killed
    async with Workers(environ, chance).running() as workers:
        first, *_ = await workers.ready()
        async with client(f"{first}/api/v1") as api:
            await published(api, returning("once", {"$expr": "payload.n"}))
            answered = await _asked_at_once(workers, "once", count)
            page = (await api.get("/runs", params={"definition": "once"})).json()
    (run,) = page["items"]
    return Starts(run["runId"], answered)


async def _asked_at_once(workers: Workers, identity: str, count: int) -> Counter[str]:
    """Ask for one run `count` times, by turns of the processes; how often each run was answered.
    One that is told that another is at it asks again, as a client does."""
    first = workers.urls()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as asking:

        async def ask(number: int) -> str:
            url = f"{first[number % len(first)]}/api/v1/definitions/{identity}/runs"
            body: Mapping[str, Any] = {"payload": {"n": 1}}
            while True:
                answer = await asking.post(url, json=body, headers={"idempotency-key": "one"})
                if answer.status_code != 409:
                    assert answer.is_success, answer.text
                    return answer.json()["runId"]
                await asyncio.sleep(0.1)

        return Counter(await asyncio.gather(*(ask(number) for number in range(count))))
