"""Many events for two definitions, of which one can never be started."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.inbox import (
    cloud_event,
    published_in_spite_of_warnings,
    tell_all,
    triggered,
)
from tests.services.command import eventually

PATIENCE = 3600.0
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Failing:
    """What came of it. `sound`: runs of the definition that can start, by status; `explained`: what
    events say of both definitions, and why one of them is dead."""

    sound: Counter[str]
    explained: Counter[tuple[str, str, str]]


async def told_to_a_failing_one(api: httpx.AsyncClient, count: int) -> Failing:
    """Tell `count` events to a definition that starts, and to one whose payload never fits."""
    await published_in_spite_of_warnings(api, triggered("sound", "MANY"))
    failing = triggered("failing", "MANY", payloadMapping={"id": {"$expr": "event.payload.n"}})
    schema = {"properties": {"id": {"type": "string"}}}
    await published_in_spite_of_warnings(api, {**failing, "payloadSchema": schema})
    ids: list[str] = []
    for begin in range(0, count, 100):
        told = [cloud_event("MANY", {"n": n}) for n in range(begin, min(begin + 100, count))]
        ids += [item["eventId"] for item in await tell_all(api, told)]

    async def is_over() -> bool:
        pending = await api.get("/deliveries", params={"state": "PENDING", "limit": 1})
        staged = await api.get("/events", params={"state": "STAGED", "limit": 1})
        return not pending.json()["items"] + staged.json()["items"]

    await eventually(is_over, "all is delivered or dead", seconds=PATIENCE)
    return Failing(await _ended(api, count), await _explained(api, ids))


def all_arrived(found: Failing, count: int) -> None:
    """Each started its run of the one, and is dead and explained for the other."""
    assert found.sound == {"SUCCEEDED": count}, found
    assert found.explained == {
        ("sound", "run_started", ""): count,
        ("failing", "dead", "PAYLOAD_INVALID"): count,
    }, found


async def _ended(api: httpx.AsyncClient, count: int) -> Counter[str]:
    async def look() -> Counter[str] | None:
        found = await _statuses(api)
        return found if found["SUCCEEDED"] + found["FAILED"] >= count else None

    return await eventually(look, f"{count} runs ended", seconds=PATIENCE)


async def _statuses(api: httpx.AsyncClient) -> Counter[str]:
    found = Counter[str]()
    query: dict[str, Any] = {"definition": "sound", "limit": 500}
    while True:
        page = (await api.get("/runs", params=query)).json()
        found.update(run["status"] for run in page["items"])
        if page["next"] is None:
            return found
        query["after"] = page["next"]


async def _explained(api: httpx.AsyncClient, ids: Sequence[str]) -> Counter[tuple[str, str, str]]:
    found = Counter[tuple[str, str, str]]()
    free = asyncio.Semaphore(AT_ONCE)

    async def explain(event_id: str) -> None:
        async with free:
            answer = (await api.get(f"/events/{event_id}/explain")).json()
        for each in answer["considered"]:
            delivery: dict[str, Any] = each.get("delivery") or {}
            error: dict[str, Any] = delivery.get("error") or {}
            found[each["definitionId"], each["outcome"], error.get("code", "")] += 1

    await asyncio.gather(*(explain(event_id) for event_id in ids))
    return found
