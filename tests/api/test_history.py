"""What an action's failure leaves in the history: its error, and no exception that quotes input."""

from __future__ import annotations

import httpx
import pytest
from temporalio.client import Client, WorkflowFailureError

from alga_workflows_core.temporal.names import workflow_id
from tests.api.service import published, returning


async def test_a_failure_in_the_history_quotes_no_input(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Neither the value that an action refused nor the exceptions behind its error are kept."""
    document = returning("quoting")
    config = {
        "actionId": "log.write",
        "version": 1,
        "inputMapping": {"message": "Hello", "level": {"$expr": "'sec' & 'ret'"}},
    }
    document["steps"].insert(0, {"id": "log", "type": "action.call", "config": config})
    await published(api, document)
    answer = await api.post("/definitions/quoting/runs", json={"wait": 30})
    error = answer.json()["error"]
    assert (error["code"], error["step"]) == ("ACTION_INPUT_INVALID", "log")
    assert "level: It has to be 'debug', 'info', 'warning' or 'error'" in error["message"]

    handle = temporal_client.get_workflow_handle(workflow_id(answer.json()["runId"]))
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    history = (await handle.fetch_history()).to_json()
    assert "ACTION_INPUT_INVALID" in history
    assert "secret" not in history
    assert "ValidationError" not in history
