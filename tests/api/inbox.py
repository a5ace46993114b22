"""Events that tests tell, and definitions that look for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx

PATIENCE = 30


def cloud_event(name: str, data: Any = None, **attributes: Any) -> dict[str, Any]:
    """A structured CloudEvent of the type `name`, with an id of its own."""
    told: dict[str, Any] = {"specversion": "1.0", "source": "shop", "type": name}
    told |= {"id": str(uuid4()), "data": data or {}}
    return told | attributes


async def tell(
    api: httpx.AsyncClient, name: str, data: Any = None, *, key: str | None = None, **more: Any
) -> str:
    """Tell an event, which has to be taken; the id of its row."""
    event = cloud_event(name, data, **more)
    if key is not None:
        event["correlationkey"] = key
    answer = await api.post("/events", json=event)
    assert answer.status_code == 202, answer.text
    return answer.json()["eventId"]


async def tell_all(
    api: httpx.AsyncClient, events: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Tell several at once; the answers."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await api.post("/events", json=list(events), headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["items"]


async def settled(api: httpx.AsyncClient, event_id: str) -> dict[str, Any]:
    """The event as soon as it is accepted or refused."""
    async with asyncio.timeout(PATIENCE):
        while True:
            event = (await api.get(f"/events/{event_id}")).json()
            if event["state"] != "STAGED":
                return event
            await asyncio.sleep(0.02)


async def explained(api: httpx.AsyncClient, event_id: str) -> list[dict[str, Any]]:
    """What was considered for an event, as soon as it is accepted or refused."""
    await settled(api, event_id)
    return (await api.get(f"/events/{event_id}/explain")).json()["considered"]


async def until_outcome(api: httpx.AsyncClient, event_id: str, outcome: str) -> dict[str, Any]:
    """The first of those considered that has this outcome, as soon as there is one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for each in await explained(api, event_id):
                if each["outcome"] == outcome:
                    return each
            await asyncio.sleep(0.05)


async def until_waiting(
    api: httpx.AsyncClient, run_id: str, count: int = 1
) -> list[dict[str, Any]]:
    """The open waits of a run as soon as it has so many."""
    async with asyncio.timeout(PATIENCE):
        while True:
            waits = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
            found = [wait for wait in waits if wait["status"] == "WAITING"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def ended(api: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """The run as soon as it has ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            run = (await api.get(f"/runs/{run_id}")).json()
            if run["closedAt"] is not None:
                return run
            await asyncio.sleep(0.05)


async def runs_of(api: httpx.AsyncClient, identity: str, count: int) -> list[dict[str, Any]]:
    """The runs of a definition as soon as so many have ended, the first started first."""
    async with asyncio.timeout(PATIENCE):
        while True:
            page = await api.get("/runs", params={"definition": identity, "limit": 500})
            runs = page.json()["items"]
            if len(runs) >= count and all(run["closedAt"] is not None for run in runs):
                return runs[::-1]
            await asyncio.sleep(0.05)


async def start(api: httpx.AsyncClient, identity: str, payload: Any = None) -> str:
    """A run of a published definition."""
    answer = await api.post(f"/definitions/{identity}/runs", json={"payload": payload or {}})
    assert answer.status_code == 201, answer.text
    return answer.json()["runId"]


def waiting(identity: str, *configs: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A definition that waits once for each config, one after the other, and returns what came:
    `vars.got` is what is assigned."""
    steps = [
        {"id": f"wait{number}", "type": "event.wait", "config": {"timeout": "PT5M", **config}}
        for number, config in enumerate(configs, 1)
    ]
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars"}}
    return {"id": identity, "name": identity, "steps": [*steps, end], **members}


def looking_for(name: str, *, key: Any = None, into: str = "got", **more: Any) -> dict[str, Any]:
    """What a wait looks for; `vars.<into>` is the payload of what comes."""
    match: dict[str, Any] = {
        "eventName": name,
        "assign": {f"vars.{into}": {"$expr": "event.payload"}},
    }
    return match | ({} if key is None else {"correlationKey": key}) | more


def triggered(identity: str, name: str, **trigger: Any) -> dict[str, Any]:
    """A definition that starts on events of this name and returns its payload."""
    end = {"id": "end", "type": "control.return", "value": {"$expr": "payload"}}
    starts = {"type": "event", "eventName": name, **trigger}
    return {"id": identity, "name": identity, "trigger": starts, "steps": [end]}


async def published_in_spite_of_warnings(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    """Publish `document`, which has no errors."""
    saved = await api.put(f"/definitions/{document['id']}/draft", json=document)
    assert {finding["severity"] for finding in saved.json()["findings"]} <= {"warning"}, saved.text
    answer = await api.post(f"/definitions/{document['id']}/publish")
    assert answer.is_success, answer.text


async def waiting_run(
    api: httpx.AsyncClient, identity: str, *configs: dict[str, Any], payload: Any = None
) -> str:
    """A run that has opened its first wait."""
    await published_in_spite_of_warnings(api, waiting(identity, *configs))
    run_id = await start(api, identity, payload)
    await until_waiting(api, run_id)
    return run_id
