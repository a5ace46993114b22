"""Events as they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from tests.domain.service.running import RunningService


async def events(
    service: RunningService, path: str, last: str | None = None
) -> AsyncGenerator[dict[str, Any]]:
    """Each event with its id and kind."""
    headers = {} if last is None else {"last-event-id": last}
    async with service.http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "event"):
                found[name] = value
            elif name == "data":
                found.update(json.loads(value))
            elif not line and "event" in found:
                yield found
                found = {}


async def test_states_and_lines_are_told_and_told_again(service: RunningService) -> None:
    """A worker's way to ready, what it writes; and from the last event on after a break."""
    project = await service.active_project()
    address = f"/v1/projects/{project}/events"
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        starting = asyncio.create_task(
            service.ask("POST", "/workers/start", {"projectId": project})
        )
        async for event in events(service, address):
            seen.append(event)
            if event["event"] == "instance" and event["state"] == "ready":
                await _run(service, project)
            if event["event"] == "line" and "Done: Processed" in event["line"]:
                break
        await starting
        assert {event["projectId"] for event in seen} == {project}
        lines = [event for event in seen if event["event"] == "line"]
        assert len(lines) >= 2
        again = events(service, "/v1/events", lines[0]["id"])
        repeated = [await anext(again)]
        while repeated[-1]["event"] != "line":
            repeated.append(await anext(again))
        await again.aclose()
        # The state of what lives is told first, then what came behind the event.
        assert any(event.get("state") == "ready" for event in repeated)
        assert repeated[-1]["line"] == lines[1]["line"]


async def _run(service: RunningService, project: str) -> None:
    address = f"/v1/projects/{project}/workflows/simpleTestWorkflow/runs"
    assert (await service.ask("POST", address, {"input": "x"})).status_code == 201
