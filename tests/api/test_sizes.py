"""Large values on real servers: a run ends by its own limits, never by Temporal's."""

from __future__ import annotations

from typing import Any

import httpx
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from alga_workflows_core.interpreter.sizes import MAX_RESULT_BYTES
from alga_workflows_core.temporal.names import workflow_id
from tests.api.service import published, returning

HALF = {
    "$expr": f"$join($map([1..{MAX_RESULT_BYTES // 2 // 64 - 100}], function($i){{'{'x' * 64}'}}))"
}


async def run(api: httpx.AsyncClient, client: Client, document: dict[str, Any]) -> dict[str, Any]:
    """How the run of `document` ended, in the row and in the history alike."""
    await published(api, document)
    answer = await api.post(f"/definitions/{document['id']}/runs", json={"wait": 30})
    ended = answer.json()
    handle = client.get_workflow_handle(workflow_id(ended["runId"]))
    try:
        assert await handle.result() == ended["result"]
    except WorkflowFailureError:
        assert ended["status"] == "FAILED"
    described = await handle.describe()
    expected = {
        "SUCCEEDED": WorkflowExecutionStatus.COMPLETED,
        "FAILED": WorkflowExecutionStatus.FAILED,
    }
    assert described.status is expected[ended["status"]]
    return ended


async def test_a_result_is_limited_before_temporal_refuses_it(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Up to the limit it arrives; beyond, the run fails at its step, in row and history."""
    fits = await run(api, temporal_client, returning("fits", [HALF, HALF]))
    assert fits["status"] == "SUCCEEDED"
    assert len(fits["result"][0]) * 2 > MAX_RESULT_BYTES * 0.9

    large = await run(api, temporal_client, returning("large", [HALF, HALF, HALF, HALF, HALF]))
    assert (large["error"]["code"], large["error"]["step"]) == ("SIZE_LIMIT", "end")


async def test_rows_of_large_outputs_do_not_crowd_out_an_action(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Facts that are too large to ride with an action are written before it."""
    document = returning("crowded", "done")
    logs = [
        _call(f"log{index}", "log.write", {"message": "x", "level": "debug"}) for index in range(11)
    ]
    cuts = [
        _call(f"cut{index}", "text.truncate", {"text": HALF, "maxLength": 100_000})
        for index in range(30)
    ]
    # The eleventh short action of a chain goes through the queue, with all that is unwritten.
    document["steps"] = [*logs[:10], *cuts, logs[10], *document["steps"]]
    ended = await run(api, temporal_client, document)
    assert (ended["status"], ended["result"]) == ("SUCCEEDED", "done")
    steps = await api.get(f"/runs/{ended['runId']}/steps", params={"limit": 500})
    assert [step["path"] for step in steps.json()["items"]] == [
        step["id"] for step in document["steps"]
    ]


def _call(identity: str, action_id: str, given: dict[str, Any]) -> dict[str, Any]:
    config = {"actionId": action_id, "version": 1, "inputMapping": given}
    return {"id": identity, "type": "action.call", "config": config}
