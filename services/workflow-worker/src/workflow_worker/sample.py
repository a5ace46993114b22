"""Drive the sample definition over the API, as any client would: draft, publish, run, look."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import httpx

from alga_workflows_core.errors import AlgaError

SAMPLE = "ticket-triage"
WAIT_SECONDS = 60
TICKET = {
    "id": "T-4711",
    "customerId": "C-200",
    "subject": "The appointment screen is blank since this morning's update, on every computer",
    "priority": "normal",
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
    """Publish the sample and run it to its end; AlgaError if the API refuses something."""
    began = time.monotonic()
    document = files("workflow_worker.samples").joinpath(f"{SAMPLE}.json").read_bytes()
    base = f"{api_url}/api/v1"
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(timeout=WAIT_SECONDS + 10, trust_env=False) as http:
        await _ask(http, "PUT", f"{base}/definitions/{SAMPLE}/draft", document, headers)
        await _ask(http, "POST", f"{base}/definitions/{SAMPLE}/publish", b"", headers)
        start = {"payload": {"deskUrl": desk_url, "ticket": TICKET}, "wait": WAIT_SECONDS}
        run = await _ask(
            http, "POST", f"{base}/definitions/{SAMPLE}/runs", json.dumps(start).encode(), headers
        )
        steps = await _ask(http, "GET", f"{base}/runs/{run['runId']}/steps?limit=500", b"", {})
    return SampleRun(
        run_id=run["runId"],
        status=run["status"],
        result=run["result"],
        error=run["error"],
        steps=steps["items"],
        elapsed_seconds=round(time.monotonic() - began, 3),
    )


async def _ask(
    http: httpx.AsyncClient, method: str, url: str, body: bytes, headers: dict[str, str]
) -> Any:
    try:
        answer = await http.request(method, url, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise AlgaError(f"{method} {url} failed: {type(error).__name__}: {error}") from error
    if answer.is_success:
        return answer.json()
    raise AlgaError(f"{method} {url} was answered {answer.status_code}: {answer.text[:1000]}")
