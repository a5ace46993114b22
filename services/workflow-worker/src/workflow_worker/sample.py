"""Drive the sample over the API, as any client would: publish, tell events, answer, look."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from alga_workflows_core.errors import AlgaError

T = TypeVar("T")

SAMPLE = "on-site-visit"
CALLED = "ticket-triage"
WAIT_SECONDS = 60
TICKET = {
    "customerId": "C-200",
    "subject": "The appointment screen is blank since this morning's update, on every computer",
    "priority": "normal",
    "onSite": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRun:
    """One finished run. `steps` are the API's steps in the order in which they began."""

    run_id: str
    status: str
    result: Any
    error: Any
    steps: list[dict[str, Any]]
    elapsed_seconds: float

    def as_json(self) -> dict[str, Any]:
        """What `demo --json` prints."""
        shown = ("path", "type", "status", "startedAt", "finishedAt")
        return {
            "status": self.status,
            "runId": self.run_id,
            "result": self.result,
            "steps": [{name: step[name] for name in shown} for step in self.steps],
            "elapsedSeconds": self.elapsed_seconds,
        }

    def as_text(self) -> str:
        """A timeline for people."""
        width = max((len(step["path"]) for step in self.steps), default=0)
        lines = [f"Run {self.run_id} of {SAMPLE}: {self.status}"]
        lines += [
            f"  {step['startedAt'][11:23]}  {step['path']:<{width}}  {step['status']:<9}  "
            f"{step['name'] or step['type']}"
            for step in self.steps
        ]
        outcome = self.result if self.error is None else self.error
        lines.append(f"  result: {json.dumps(outcome, ensure_ascii=False)}")
        return "\n".join(lines)


async def run_sample(api_url: str, desk_url: str) -> SampleRun:
    """Publish the sample, tell its events, answer the task that it asks, and see it to its end.

    AlgaError if the API refuses something, or if that takes longer than a minute.
    """
    began = time.monotonic()
    async with httpx.AsyncClient(
        base_url=f"{api_url}/api/v1", timeout=WAIT_SECONDS, trust_env=False
    ) as http:
        for name in (CALLED, SAMPLE):
            document = files("workflow_worker.samples").joinpath(f"{name}.json").read_bytes()
            await _ask(http, "PUT", f"/definitions/{name}/draft", json.loads(document))
            await _ask(http, "POST", f"/definitions/{name}/publish")
        run_id = await _started(http, desk_url)
        await _answer_task(http, run_id)
        run = await _until(http, f"/runs/{run_id}", lambda run: run if run["closedAt"] else None)
        steps = await _ask(http, "GET", f"/runs/{run_id}/steps?limit=500")
    return SampleRun(
        run_id=run_id,
        status=run["status"],
        result=run["result"],
        error=run["error"],
        steps=steps["items"],
        elapsed_seconds=round(time.monotonic() - began, 3),
    )


async def _started(http: httpx.AsyncClient, desk_url: str) -> str:
    """Tell of a ticket, and what its customer adds, which comes before anybody waits for it."""
    number = f"T-{uuid4().hex[:8]}"
    ticket = {**TICKET, "id": number}
    reply = {"note": "It is the box with the red light."}
    told = [
        _event("TICKET_CREATED", number, {"deskUrl": desk_url, "ticket": ticket}),
        _event("CUSTOMER_REPLIED", number, reply),
    ]
    taken = await _ask(http, "POST", "/events", told, "application/cloudevents-batch+json")
    created = taken["items"][0]["eventId"]

    def started(explained: Any) -> str | None:
        for each in explained["considered"]:
            delivery = each["delivery"] or {"state": None}
            if each["definitionId"] == SAMPLE and delivery["state"] == "DELIVERED":
                return str(delivery["runId"])
        return None

    return await _until(http, f"/events/{created}/explain", started)


async def _answer_task(http: httpx.AsyncClient, run_id: str) -> None:
    def asked(inbox: Any) -> str | None:
        found = (task["taskId"] for task in inbox["items"] if task["runId"] == run_id)
        return next(found, None)

    task = await _until(http, "/tasks?state=OPEN&group=dispatch", asked)
    answer = {"by": "ada", "groups": ["dispatch"], "answer": {"remote": True}}
    await _ask(http, "POST", f"/tasks/{task}/complete", answer)


def _event(name: str, ticket_id: str, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": name,
        "source": "sample-desk",
        "id": str(uuid4()),
        "subject": ticket_id,
        "data": data,
    }


async def _until(http: httpx.AsyncClient, address: str, found: Callable[[Any], T | None]) -> T:
    """What `found` finds in the answer, asked again until it finds something."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        answer = found(await _ask(http, "GET", address))
        if answer is not None:
            return answer
        await asyncio.sleep(0.1)
    raise AlgaError(
        f"GET {address} did not answer what was awaited within {WAIT_SECONDS} s.",
        remedy="Look at the run in the Temporal UI, and at the log.",
    )


async def _ask(
    http: httpx.AsyncClient,
    method: str,
    address: str,
    body: Any = None,
    media: str = "application/json",
) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    try:
        answer = await http.request(
            method, address, content=content, headers={"content-type": media}
        )
    except httpx.HTTPError as error:
        raise AlgaError(f"{method} {address} failed: {type(error).__name__}: {error}") from error
    if answer.is_success:
        return answer.json()
    raise AlgaError(f"{method} {address} was answered {answer.status_code}: {answer.text[:1000]}")
