"""A run that is cancelled in Temporal ends, with its row and its steps."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from alga_workflows_core.temporal.names import workflow_id
from tests.api.service import published

DEADLINE = 20.0


async def test_a_cancelled_run_ends_in_its_row_too(
    api: httpx.AsyncClient, temporal_client: Client, silent_url: tuple[str, asyncio.Event]
) -> None:
    """While an action is under way: CANCELED in Temporal, in the row of the run and of the step."""
    url, asked = silent_url
    steps: list[dict[str, Any]] = [
        {
            "id": "ask",
            "type": "action.call",
            "config": {
                "actionId": "http.request",
                "version": 1,
                "inputMapping": {"method": "GET", "url": url},
            },
        },
        {"id": "never", "type": "control.return", "value": 1},
    ]
    await published(api, {"id": "silent", "name": "Silent", "steps": steps})
    run_id = (await api.post("/definitions/silent/runs", json={})).json()["runId"]
    await asyncio.wait_for(asked.wait(), DEADLINE)
    handle = temporal_client.get_workflow_handle(workflow_id(UUID(run_id)))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), DEADLINE)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    # The row was written before Temporal was told.
    run = (await api.get(f"/runs/{run_id}")).json()
    assert (run["status"], run["error"]["code"]) == ("CANCELED", "CANCELED")
    rows = (await api.get(f"/runs/{run_id}/steps")).json()["items"]
    assert [(row["path"], row["status"]) for row in rows] == [("ask", "CANCELED")]
