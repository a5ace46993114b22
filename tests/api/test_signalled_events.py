"""Callers that know of no wait signal events to a run: these go to the inbox, for that run."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.temporal.names import EVENT_SIGNAL, HUMAN_TASK_SIGNAL, workflow_id
from tests.api.inbox import (
    PATIENCE,
    ended,
    looking_for,
    published_in_spite_of_warnings,
    start,
    triggered,
    until_waiting,
    waiting,
    waiting_run,
)

NEXT = looking_for("NEXT", into="next")


async def signal(client: Client, run_id: str, name: str, **more: Any) -> None:
    """As older callers do."""
    handle = client.get_workflow_handle(workflow_id(UUID(run_id)))
    await handle.signal(EVENT_SIGNAL, {"eventName": name, "receivedAt": "now", **more})


async def events_of(api: httpx.AsyncClient, name: str, count: int) -> list[dict[str, Any]]:
    """The events of a name as soon as so many are accepted, the newest first."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await api.get("/events", params={"type": name})).json()["items"]
            if len(found) >= count and all(each["state"] == "ACCEPTED" for each in found):
                return found
            await asyncio.sleep(0.02)


async def test_a_signal_without_a_wait_is_an_event_of_its_run(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Before its wait opens, and while that is open; nobody else has it: neither another run nor a
    trigger."""
    early = looking_for("EARLY", key="a", into="early")
    await published_in_spite_of_warnings(api, triggered("other", "EARLY"))
    run_id = await waiting_run(api, "signalled", NEXT, early)
    bystander = await waiting_run(api, "bystander", early)

    await signal(temporal_client, run_id, "EARLY", correlationKey="a", payload={"n": 1})
    (event,) = await events_of(api, "EARLY", 1)
    assert (event["forRun"], event["source"]) == (run_id, f"signal:{run_id}")
    await signal(temporal_client, run_id, "NEXT", payload={"n": 2})
    run = await ended(api, run_id)
    assert run["result"] == {"early": {"n": 1}, "next": {"n": 2}}

    assert len(await until_waiting(api, bystander)) == 1
    runs = (await api.get("/runs", params={"definition": "other"})).json()["items"]
    assert runs == []
    with pytest.raises(RPCError) as refused:
        await signal(temporal_client, run_id, "EARLY", correlationKey="a")
    assert refused.value.status is RPCStatusCode.NOT_FOUND


async def test_an_event_that_is_signalled_twice_counts_once(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """If it says which it is; two that do not are two. People's answers are events of their
    task."""
    tick = looking_for("TICK", into="tick")
    done = looking_for("DONE", key="task-1", into="done")
    await published_in_spite_of_warnings(api, waiting("twice", NEXT, tick, tick, tick, done))
    run_id = await start(api, "twice")
    await until_waiting(api, run_id)
    for _ in range(2):
        await signal(temporal_client, run_id, "TICK", eventId="t-1", payload={"n": 1})
    for _ in range(2):
        await signal(temporal_client, run_id, "TICK", payload={"n": 2})
    assert len(await events_of(api, "TICK", 3)) == 3
    answer = {"taskId": "task-1", "eventName": "DONE", "payload": "yes"}
    handle = temporal_client.get_workflow_handle(workflow_id(UUID(run_id)))
    await handle.signal(HUMAN_TASK_SIGNAL, answer)
    await signal(temporal_client, run_id, "NEXT", payload={"n": 0})
    run = await ended(api, run_id)
    assert run["result"] == {"next": {"n": 0}, "tick": {"n": 2}, "done": "yes"}
    assert len(await events_of(api, "TICK", 3)) == 3


async def test_what_cannot_be_an_event_is_dropped(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Too much data, a name that is none: the run goes on."""
    run_id = await waiting_run(api, "dropping", NEXT)
    await signal(temporal_client, run_id, "NEXT", payload={"text": "x" * 300_000})
    await signal(temporal_client, run_id, "two words", payload=1)
    await signal(temporal_client, run_id, "NEXT", payload=float("nan"))
    await signal(temporal_client, run_id, "NEXT", eventId="x" * 600)
    await signal(temporal_client, run_id, "NEXT", payload={"n": 1})
    assert (await ended(api, run_id))["result"] == {"next": {"n": 1}}
    assert len((await api.get("/events")).json()["items"]) == 1
