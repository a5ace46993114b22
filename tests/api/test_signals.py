"""What a run is told while it is under way, and what it answers."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from temporalio.client import Client, WorkflowHandle

from alga_workflows_core.temporal.names import (
    CONTROL_SIGNAL,
    CURRENT_STEP_QUERY,
    CURRENT_WAIT_QUERY,
    EVENT_SIGNAL,
    QUOTA_RESUME_SIGNAL,
    SUMMARY_QUERY,
    wait_id,
    workflow_id,
)
from tests.api.service import published

WAIT = {"mode": "duration", "duration": "PT1H"}
RESTING: dict[str, Any] = {
    "id": "resting",
    "name": "Resting",
    "steps": [
        {"id": "rest", "type": "time.wait", "config": WAIT},
        {"id": "note", "type": "transform.assign", "config": {"assign": {"vars.n": 1}}},
        {"id": "end", "type": "control.return", "value": {"$expr": "vars.n"}},
    ],
}


async def until_status(api: httpx.AsyncClient, run_id: str, wanted: str) -> dict[str, Any]:
    """The run as soon as it has this state."""
    async with asyncio.timeout(30):
        while True:
            run = (await api.get(f"/runs/{run_id}")).json()
            if run["status"] == wanted:
                return run
            await asyncio.sleep(0.05)


async def resting(api: httpx.AsyncClient) -> str:
    """A run that waits for an hour."""
    await published(api, RESTING)
    run_id: str = (await api.post("/definitions/resting/runs", json={})).json()["runId"]
    await until_status(api, run_id, "WAITING")
    return run_id


def handle_of(client: Client, run_id: str) -> WorkflowHandle[Any, Any]:
    return client.get_workflow_handle(workflow_id(UUID(run_id)))


async def wake(api: httpx.AsyncClient, run_id: str) -> None:
    """End its wait."""
    (wait,) = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (await api.post(f"/waits/{wait['waitId']}/resolve")).status_code == 202


@pytest.mark.parametrize("resume", ["over HTTP", "by the quota's signal"])
async def test_a_paused_run_keeps_what_comes(
    api: httpx.AsyncClient, temporal_client: Client, resume: str
) -> None:
    """The row says PAUSED; what comes is kept, no step begins, and all goes on when it resumes."""
    run_id = await resting(api)
    assert (await api.post(f"/runs/{run_id}/pause")).status_code == 202
    await until_status(api, run_id, "PAUSED")
    await wake(api, run_id)
    steps = (await api.get(f"/runs/{run_id}/steps")).json()["items"]
    assert [step["path"] for step in steps] == ["rest"]
    assert (await api.get(f"/runs/{run_id}")).json()["status"] == "PAUSED"
    if resume == "over HTTP":
        assert (await api.post(f"/runs/{run_id}/resume")).status_code == 202
    else:
        await handle_of(temporal_client, run_id).signal(QUOTA_RESUME_SIGNAL, {"resumedBy": "x"})
    assert (await until_status(api, run_id, "SUCCEEDED"))["result"] == 1


async def test_what_is_no_signal_of_ours_changes_nothing(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Neither what cannot be read nor what is for another wait, however often it comes."""
    run_id = await resting(api)
    handle = handle_of(temporal_client, run_id)
    other = str(wait_id(UUID(run_id), "other#1"))
    signals: list[dict[str, Any]] = [
        {},
        {"waitId": "x"},
        {"waitId": other, "resolution": {}},
        {"eventName": "two words"},
        {"waitId": other, "eventName": "A"},
    ]
    for signal in signals:
        await handle.signal(EVENT_SIGNAL, signal)
    await handle.signal(CONTROL_SIGNAL, {"do": "explode"})
    assert await handle.query(CURRENT_STEP_QUERY) == {"steps": ["rest"]}
    await wake(api, run_id)
    assert (await until_status(api, run_id, "SUCCEEDED"))["result"] == 1


async def test_queries_and_temporals_own_pages_tell_where_a_run_stands(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Innermost steps, open waits with the ids of their rows, status, length of the history."""
    run_id = await resting(api)
    handle = handle_of(temporal_client, run_id)
    (row,) = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    waits = await handle.query(CURRENT_WAIT_QUERY)
    assert [(wait["id"], wait["kind"], wait["path"]) for wait in waits["waits"]] == [
        (row["waitId"], "time", "rest")
    ]
    summary = await handle.query(SUMMARY_QUERY)
    assert (summary["status"], summary["steps"]) == ("WAITING", ["rest"])
    assert (summary["historyEvents"] > 0, summary["continuedAsNew"]) == (True, False)
    shown = await handle.query("__temporal_workflow_metadata")
    assert "`rest` waits: time" in str(shown)
    await wake(api, run_id)
    await until_status(api, run_id, "SUCCEEDED")


async def test_a_run_tells_its_row_again(api: httpx.AsyncClient, temporal_client: Client) -> None:
    """Being told to, a run that waits writes its row although nothing is new."""
    run_id = await resting(api)
    handle = handle_of(temporal_client, run_id)
    before = (await handle.query(SUMMARY_QUERY))["historyEvents"]
    await handle.signal(CONTROL_SIGNAL, {"do": "tell"})
    async with asyncio.timeout(30):
        while (await handle.query(SUMMARY_QUERY))["historyEvents"] < before + 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await api.get(f"/runs/{run_id}")).json()["status"] == "WAITING"
    await wake(api, run_id)
    await until_status(api, run_id, "SUCCEEDED")
