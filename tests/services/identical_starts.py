"""One start, asked for by many at once of two processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from tests.services.workers import Workers


async def asked_at_once(workers: Workers, identity: str, count: int) -> Counter[str]:
    """Ask for one run `count` times, by turns of the processes; how often each run was answered.
    One that is told that another is at it asks again, as a client does."""
    first = workers.urls()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:

        async def ask(number: int) -> str:
            url = f"{first[number % len(first)]}/api/v1/definitions/{identity}/runs"
            body: Mapping[str, Any] = {"payload": {"n": 1}}
            while True:
                answer = await client.post(url, json=body, headers={"idempotency-key": "one"})
                if answer.status_code != 409:
                    assert answer.is_success, answer.text
                    return answer.json()["runId"]
                await asyncio.sleep(0.1)

        return Counter(await asyncio.gather(*(ask(number) for number in range(count))))
