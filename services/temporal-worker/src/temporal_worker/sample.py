"""The sample workflows, seen from outside: published, started and run over HTTP like any others."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from alga_workflows_core.errors import AlgaError
from temporal_worker.client import ServiceClient

PROJECT = "test-sample-activities"
MESSAGE = "Hello from test client!"
WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleResults:
    """What both workflows returned, and what that took."""

    project_id: str
    simple: Any
    activities: Any
    start_seconds: float
    elapsed_seconds: float

    @property
    def ok(self) -> bool:
        """Whether the results are those that the workflows have to give."""
        expected = f"Processed: {MESSAGE}"
        return (
            self.simple == expected
            and self.activities["sampleResult"] == expected
            and self.activities["buildResult"]["success"] is True
            and self.activities["transformResult"] == "HELLO WORLD"
            and self.activities["validationResult"]["valid"] is True
        )

    def as_json(self) -> dict[str, Any]:
        """What `demo --json` prints."""
        return {
            "ok": self.ok,
            "projectId": self.project_id,
            "simpleTestWorkflow": self.simple,
            "testSampleActivities": self.activities,
            "startSeconds": self.start_seconds,
            "elapsedSeconds": self.elapsed_seconds,
        }

    def as_text(self) -> str:
        """The same for people."""
        lines = [
            f"Project {self.project_id}: worker ready after {self.start_seconds:.2f} s",
            f"  simpleTestWorkflow:   {self.simple}",
        ]
        lines += [
            f"  testSampleActivities: {name} {json.dumps(value)}"
            for name, value in self.activities.items()
        ]
        outcome = "as they have to be" if self.ok else "WRONG"
        lines.append(f"  results {outcome}, after {self.elapsed_seconds:.2f} s")
        return "\n".join(lines)


def sample_files() -> dict[str, str]:
    """The modules of the sample."""
    text = files("temporal_worker.samples").joinpath("workflows.py").read_text("utf-8")
    return {"workflows.py": text}


async def run_sample(client: ServiceClient) -> SampleResults:
    """Publish the sample, start its worker, and run both workflows to their ends.

    AlgaError if the service refuses something, or if a run does not end well within a minute.
    """
    began = time.monotonic()
    project = await client.project_or_new(PROJECT)
    address = f"/v1/projects/{project}"
    published = await client.ask("POST", f"{address}/bundles", {"files": sample_files()})
    await client.ask("POST", f"{address}/bundles/{published['hash']}/activate", {})
    starting = time.monotonic()
    await client.worker("start", project)
    started = time.monotonic()
    simple = await _run(client, address, "simpleTestWorkflow", MESSAGE)
    activities = await _run(client, address, "testSampleActivities", {"testMessage": MESSAGE})
    return SampleResults(
        project_id=project,
        simple=simple,
        activities=activities,
        start_seconds=round(started - starting, 3),
        elapsed_seconds=round(time.monotonic() - began, 3),
    )


async def _run(client: ServiceClient, address: str, name: str, argument: Any) -> Any:
    wish = {"input": argument, "wait": WAIT_SECONDS}
    run = await client.ask("POST", f"{address}/workflows/{name}/runs", wish)
    if run["status"] != "completed":
        raise AlgaError(
            f"{name} is {run['status']} after {WAIT_SECONDS} s: {run['error'] or 'no error yet'}.",
            remedy="Look at the run in the Temporal UI, and at the project's logs.",
        )
    return run["result"]
