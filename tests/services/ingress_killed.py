"""Events that come in over HTTP to two workers, either of which is killed again and again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from alga_workflows_core.runs.deliverer import BATCH
from tests.api.inbox import (
    cloud_event,
    looking_for,
    published_in_spite_of_warnings,
    triggered,
    waiting,
)
from tests.services.command import client, eventually
from tests.services.workers import Workers

PATIENCE = 90.0
AT_ONCE = 6
KEY = {"$expr": "payload.key"}
FINAL = ("SUCCEEDED", "FAILED", "CANCELED", "TIMED_OUT")

# A killed process had leases of half a minute; this lets them be over at once.
_LEASES = (
    "UPDATE workflow_events SET accept_due_at = clock_timestamp() WHERE state = 'STAGED'",
    "UPDATE workflow_event_deliveries SET next_at = clock_timestamp() WHERE state = 'PENDING'",
    "UPDATE workflow_runs SET start_due_at = clock_timestamp() WHERE start_due_at IS NOT NULL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """How it went. `started`, `met`: how often the run of an event, by its number, ended with its
    payload; `deliveries`, `waits`: by state; `repeated`: requests that were made again."""

    kills: int
    repeated: int
    events: int
    runs: Counter[str]
    started: Counter[int | None]
    met: Counter[int | None]
    deliveries: Counter[str]
    waits: Counter[str]


async def told_to_both(
    environ: Mapping[str, str], chance: random.Random, *, count: int, kills: int
) -> Ingress:
    """Tell `count` events that start runs, and `count` for which runs wait, while workers are
    killed until all is over, `kills` times at most."""
    url = environ["DATABASE_URL"]
    async with Workers(environ, chance).running() as workers:
        async with client(f"{await workers.first.url()}/api/v1") as api:
            await published_in_spite_of_warnings(api, triggered("started", "STARTS"))
            waits = waiting("waiting", looking_for("KEYED", key=KEY, lookback="PT1H"))
            await published_in_spite_of_warnings(api, waits)
        teller = _Teller(workers, chance)
        killing = asyncio.ensure_future(workers.kill_until(kills, behind=lambda: _expire(url)))
        try:
            await teller.tell(count)
            await _over(url, 2 * count)
        finally:
            if killing.done():
                await killing
            killing.cancel()
            await asyncio.wait({killing})
    return await _found(url, workers.kills, teller.repeated)


def nothing_lost(found: Ingress, count: int) -> None:
    """Each event is there once; each run of a trigger and each wait had its own, once."""
    once: Counter[int | None] = Counter(range(count))
    assert found.events == 2 * count, found
    assert found.runs == {"SUCCEEDED": 2 * count}, found
    assert found.started == once, found
    assert found.met == once, found
    assert found.waits == {"RESOLVED": count}, found
    # Gone: whoever had delivered it was killed before that was written, and by the time that it was
    # delivered again its run, which had met it, was over.
    assert set(found.deliveries) <= {"DELIVERED", "GONE"}, found
    assert found.deliveries["GONE"] <= found.kills * BATCH, found


class _Teller:
    """A client that asks the other process again, with the same id, when one does not answer."""

    def __init__(self, workers: Workers, chance: random.Random) -> None:
        self._workers = workers
        self._chance = chance
        self._free = asyncio.Semaphore(AT_ONCE)
        self._client = httpx.AsyncClient(timeout=20, trust_env=False)
        self.repeated = 0

    async def tell(self, count: int) -> None:
        """All of them, some at a time, in any order."""
        asked: list[Callable[[], Awaitable[None]]] = []
        for n in range(count):
            asked += [lambda n=n: self._start(n), lambda n=n: self._event("STARTS", n)]
            asked.append(lambda n=n: self._event("KEYED", n, correlationkey=str(n)))
        self._chance.shuffle(asked)
        async with self._client:
            await asyncio.gather(*(self._one(each) for each in asked))

    async def _one(self, ask: Callable[[], Awaitable[None]]) -> None:
        async with self._free:
            await ask()

    async def _start(self, n: int) -> None:
        body = {"payload": {"key": str(n)}}
        await self._post("definitions/waiting/runs", body, {"idempotency-key": f"wait-{n}"})

    async def _event(self, name: str, n: int, **more: Any) -> None:
        await self._post("events", cloud_event(name, {"n": n}, id=f"{name}-{n}", **more), {})

    async def _post(self, path: str, body: Any, headers: dict[str, str]) -> None:
        async def look() -> bool:
            urls = self._workers.urls()
            if not urls:
                return False
            try:
                answer = await self._client.post(
                    f"{self._chance.choice(urls)}/api/v1/{path}", json=body, headers=headers
                )
            except httpx.TransportError:
                self.repeated += 1
                return False
            # Another process is at it still, or this one is just ending or beginning.
            if answer.status_code in {409, 500, 502, 503, 504}:
                self.repeated += 1
                return False
            assert answer.is_success, answer.text
            return True

        await eventually(look, f"an answer to {path}", seconds=PATIENCE)


async def _expire(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in _LEASES:
            await connection.execute(statement)


async def _over(url: str, count: int) -> None:
    """Wait until `count` runs have ended and nothing is left to deliver, as long as there is
    progress: how long it takes depends on the machine, that it never stands still does not."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def left() -> tuple[int, ...]:
            found = await connection.execute(
                "SELECT %s - (SELECT count(*) FROM workflow_runs WHERE status = ANY(%s)),"
                " (SELECT count(*) FROM workflow_events WHERE state = 'STAGED'),"
                " (SELECT count(*) FROM workflow_event_deliveries WHERE state = 'PENDING')",
                [count, list(FINAL)],
            )
            return await found.fetchone() or ()

        before = await left()
        while any(before):

            async def moved(seen: tuple[int, ...] = before) -> tuple[int, ...] | None:
                now = await left()
                return now if now != seen else None

            what = f"progress with {before} runs, events and deliveries left"
            before = await eventually(moved, what, seconds=PATIENCE)


async def _found(url: str, kills: int, repeated: int) -> Ingress:
    async with await psycopg.AsyncConnection.connect(url) as connection:

        async def rows(query: str) -> list[Any]:
            return await (await connection.execute(query.encode())).fetchall()

        runs = await rows("SELECT definition_id, status, result FROM workflow_runs")
        deliveries = await rows("SELECT state FROM workflow_event_deliveries")
        waits = await rows("SELECT status FROM workflow_run_waits")
        events = await rows("SELECT id FROM workflow_events")
    results: list[tuple[str, dict[str, Any]]] = [
        (definition, result or {}) for definition, _, result in runs
    ]
    return Ingress(
        kills=kills,
        repeated=repeated,
        events=len(events),
        runs=Counter(status for _, status, _ in runs),
        started=Counter(result.get("n") for which, result in results if which == "started"),
        met=Counter(
            result.get("got", {}).get("n") for which, result in results if which == "waiting"
        ),
        deliveries=Counter(state for (state,) in deliveries),
        waits=Counter(status for (status,) in waits),
    )
