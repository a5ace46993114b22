"""What the workers of these tests are asked to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.services.command import eventually

FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "TIMED_OUT"})

CALL: dict[str, Any] = {
    "id": "call",
    "name": "One call in the middle",
    "steps": [
        {"id": "before", "type": "transform.assign", "config": {"assign": {"vars.steps": 1}}},
        {
            "id": "call",
            "type": "action.call",
            "config": {
                "actionId": "http.request",
                "version": 1,
                "inputMapping": {"url": {"$expr": "payload.url"}},
                "saveAs": "vars.answer",
            },
        },
        {
            "id": "after",
            "type": "action.call",
            "config": {
                "actionId": "log.write",
                "version": 1,
                "inputMapping": {"message": {"$expr": "vars.answer.body"}},
            },
        },
        {"id": "done", "type": "control.return", "value": {"$expr": "vars.answer.body"}},
    ],
}
"""A request to `payload.url`, whose body is the result."""

CALL_STEPS = [(step["id"], "SUCCEEDED") for step in CALL["steps"]]


async def publish_call(api: httpx.AsyncClient) -> None:
    """Publish CALL."""
    saved = await api.put("/api/v1/definitions/call/draft", json=CALL)
    assert saved.json()["findings"] == [], saved.text
    published = await api.post("/api/v1/definitions/call/publish")
    assert published.is_success, published.text


async def start_call(api: httpx.AsyncClient, url: str) -> str:
    """Start a run of CALL, without waiting for it; its id."""
    started = await api.post("/api/v1/definitions/call/runs", json={"payload": {"url": url}})
    assert started.status_code == 201, started.text
    return started.json()["runId"]


async def closed_run(api: httpx.AsyncClient, run_id: str) -> Mapping[str, Any]:
    """The run, as soon as it has ended."""

    async def look() -> Mapping[str, Any] | None:
        answer = await api.get(f"/api/v1/runs/{run_id}")
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["status"] in FINAL else None

    return await eventually(look, f"run {run_id} ended")


async def steps_of(api: httpx.AsyncClient, run_id: str) -> list[tuple[str, str]]:
    """Path and status of its steps, in the order in which they began."""
    answer = await api.get(f"/api/v1/runs/{run_id}/steps")
    return [(step["path"], step["status"]) for step in answer.json()["items"]]
