"""What is wrong with one definition is no matter of another."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tests.api.inbox import (
    cloud_event,
    published_in_spite_of_warnings,
    runs_of,
    start,
    tell_all,
    triggered,
    until_waiting,
    waiting,
)
from tests.api.service import published
from tests.services.command import eventually

COUNT = 20
NOBODY = "http://127.0.0.1:9/"


async def test_trouble_beside_a_sound_definition(api: httpx.AsyncClient) -> None:
    """A paused one, one at its limit, one that never starts, one whose action has a dead target and
    one whose schedule never fits, all told of the same events: the sound one has each in order."""
    await published(api, triggered("sound", "ALL"))
    await published(api, triggered("paused", "ALL"))
    assert (await api.post("/definitions/paused/pause")).is_success
    await _limited(api)
    await published_in_spite_of_warnings(api, _calling_nobody())
    await _never_starting(api)
    await tell_all(api, [cloud_event("ALL", {"n": n}) for n in range(COUNT)])
    runs = await runs_of(api, "sound", COUNT)
    assert [run["result"]["n"] for run in runs] == list(range(COUNT))
    # The trouble lasts, and nobody has got what was for another.
    assert (await api.get("/runs", params={"definition": "paused"})).json()["items"] == []
    unfit = (await api.get("/runs", params={"definition": "unfit"})).json()["items"]
    assert {run["triggerType"] for run in unfit} <= {"schedule"}
    limited = (await api.get("/runs", params={"definition": "limited"})).json()["items"]
    assert Counter(run["status"] for run in limited if run["status"] != "QUEUED") == {"WAITING": 1}
    called = (await api.get("/runs", params={"definition": "calling"})).json()["items"]
    assert called
    assert {run["closedAt"] for run in called} == {None}

    async def fails() -> bool:
        fires = (await api.get("/schedules/bad/fires")).json()["items"]
        return any(fire["code"] == "PAYLOAD_INVALID" for fire in fires)

    await eventually(fails, "an occurrence of the schedule has failed")


async def _limited(api: httpx.AsyncClient) -> None:
    """One run has the only slot, and waits for what never comes."""
    document = waiting("limited", {"eventName": "NEVER", "correlationKey": "never"})
    trigger = {"type": "event", "eventName": "ALL"}
    await published_in_spite_of_warnings(
        api, {**document, "concurrency": {"limit": 1}, "trigger": trigger}
    )
    await until_waiting(api, await start(api, "limited"))


async def _never_starting(api: httpx.AsyncClient) -> None:
    document = triggered("unfit", "ALL", payloadMapping={"id": {"$expr": "event.payload.n"}})
    await published_in_spite_of_warnings(api, document)
    every_second = {"kind": "interval", "every": "PT1S"}
    schedule = {"definition": "unfit", "when": every_second, "payload": {"id": 1}}
    assert (await api.put("/schedules/bad", json=schedule)).is_success
    # What fitted does not fit any more.
    schema = {"properties": {"id": {"type": "string"}}}
    await published_in_spite_of_warnings(api, {**document, "payloadSchema": schema})


def _calling_nobody() -> dict[str, Any]:
    call = {
        "id": "call",
        "type": "action.call",
        "config": {
            "actionId": "http.request",
            "version": 1,
            "inputMapping": {"method": "GET", "url": NOBODY},
        },
        "retry": {"maxAttempts": 100, "backoffMs": 1000},
    }
    trigger = {"type": "event", "eventName": "ALL"}
    return {"id": "calling", "name": "calling", "trigger": trigger, "steps": [call]}
