"""Limited definitions that call others, under workers that are killed all the time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.durable.actions import OCCUPANTS
from tests.services.command import client, eventually
from tests.services.workers import Workers, all_ended

PATIENCE = 600.0
# After somebody has entered a place: a worker that has begun nothing has nothing to lose.
MOST_SECONDS_MORE = 0.5


@dataclass(frozen=True, slots=True)
class Occupied:
    """How it went. `together`: the most runs that were at a place; `order`: in which they entered
    it, as numbers of their starts; `left`: rows of slots; `children`: how many of each status."""

    kills: int
    together: Mapping[str, int]
    order: Mapping[str, Sequence[int]]
    left: int
    runs: Counter[str]
    children: Counter[str]


def occupying(identity: str, limit: int) -> dict[str, Any]:
    """A definition whose runs are at the place `<identity>-<payload.key>` for a moment, with a
    child of theirs and one of their own kind; its runs of a key are limited."""
    place = {"$expr": f"'{identity}-' & payload.key"}
    own = {"key": {"$expr": "payload.key"}, "again": False}
    once_more = {
        "id": "more",
        "type": "control.if",
        "condition": {"$expr": "payload.again"},
        "then": [_call("own", identity, own)],
    }
    occupy = {
        "id": "occupy",
        "type": "control.if",
        "condition": {"$expr": "payload.again"},
        "then": [
            _action("enter", {"place": place}),
            _call("part", "part", {}),
            once_more,
            _action("leave", {}),
        ],
    }
    return {
        "id": identity,
        "name": identity,
        "concurrency": {"key": {"$expr": "payload.key"}, "limit": limit},
        "steps": [occupy],
    }


PART: dict[str, Any] = {
    "id": "part",
    "name": "Part",
    "steps": [
        {"id": "rest", "type": "time.wait", "config": {"mode": "duration", "duration": "PT0.3S"}},
        {"id": "end", "type": "control.return", "value": 1},
    ],
}


async def occupied(
    environ: dict[str, str], folder: Path, chance: random.Random, *, runs: int, kills: int
) -> Occupied:
    """Start `runs` of each of two definitions, one with a limit of 1 and one of 2 with two keys,
    and kill workers until all have ended, but no more than `kills` times."""
    url = environ["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(OCCUPANTS)
    environ = {**environ, "CHAOS_FOLDER": str(folder)}
    started: dict[str, int] = {}
    async with Workers(environ, chance).running() as workers:
        async with client(f"{await workers.first.url()}/api/v1") as api:
            for document in (PART, occupying("solo", 1), occupying("pair", 2)):
                await _publish(api, document)
            for number in range(runs):
                for identity, key in (("solo", "a"), ("pair", "ab"[number % 2])):
                    started[await _start(api, identity, key)] = number
        await all_ended(url, _kill(workers, kills, url, chance))
    return await _found(url, workers.kills, started)


def limits(occupied: Occupied) -> None:
    """No limit was crossed, nobody was overtaken, nothing was lost and no slot is left."""
    assert set(occupied.runs) == {"SUCCEEDED"}, occupied
    assert set(occupied.children) == {"SUCCEEDED"}, occupied
    assert occupied.together["solo-a"] == 1, occupied
    assert max(occupied.together.values()) == 2, occupied
    assert list(occupied.order["solo-a"]) == sorted(occupied.order["solo-a"]), occupied
    assert occupied.left == 0, occupied


async def _kill(workers: Workers, kills: int, url: str, chance: random.Random) -> None:
    """Kill one, each time that somebody has entered a place since the last kill."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        before = 0

        async def entered() -> None:
            nonlocal before
            more = partial(_entered, connection, beyond=before)
            before = await eventually(more, "somebody entered", seconds=PATIENCE)
            await asyncio.sleep(chance.uniform(0, MOST_SECONDS_MORE))

        await workers.kill_until(kills, alive=entered)


async def _entered(connection: psycopg.AsyncConnection[Any], *, beyond: int) -> int | None:
    found = await connection.execute("SELECT count(*) FROM chaos_entered")
    row = await found.fetchone()
    return row[0] if row is not None and row[0] > beyond else None


async def _found(url: str, kills: int, started: Mapping[str, int]) -> Occupied:
    together: dict[str, int] = {}
    order: dict[str, list[int]] = defaultdict(list)
    async with await psycopg.AsyncConnection.connect(url) as connection:
        entered = await connection.execute(
            "SELECT run, place, there FROM chaos_entered ORDER BY number"
        )
        for run, place, there in await entered.fetchall():
            together[place] = max(together.get(place, 0), there)
            order[place].append(started[run])
        slots = await connection.execute("SELECT count(*) FROM alga_run_slots")
        left = await slots.fetchone()
        rows = await connection.execute("SELECT status, parent_run_id IS NULL FROM workflow_runs")
        runs, children = Counter[str](), Counter[str]()
        for status, is_root in await rows.fetchall():
            (runs if is_root else children)[status] += 1
    return Occupied(kills, together, order, -1 if left is None else left[0], runs, children)


async def _publish(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    identity = document["id"]
    saved = await api.put(f"/definitions/{identity}/draft", json=document)
    assert saved.is_success, saved.text
    published = await api.post(f"/definitions/{identity}/publish")
    assert published.is_success, published.text


async def _start(api: httpx.AsyncClient, identity: str, key: str) -> str:
    payload = {"key": key, "again": True}
    answer = await api.post(f"/definitions/{identity}/runs", json={"payload": payload})
    assert answer.status_code == 201, answer.text
    return answer.json()["runId"]


def _call(step: str, called: str, mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": step,
        "type": "control.callWorkflow",
        "workflowId": called,
        "inputMapping": mapping,
    }


def _action(name: str, mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "type": "action.call",
        "config": {"actionId": f"tests.{name}", "version": 1, "inputMapping": mapping},
    }
