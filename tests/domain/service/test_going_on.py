"""What happens to executions by itself, over HTTP: workers wake for them, and code changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from tests.domain.service.running import RunningService, eventually, running_service, workflow

WAITING = """
from temporalio import workflow

@workflow.defn(name="wait")
class Wait:
    def __init__(self) -> None:
        self.is_let = False

    @workflow.run
    async def run(self) -> str:
        FIRST
        await workflow.wait_condition(lambda: self.is_let)
        return "VERSION"

    @workflow.signal
    def let(self) -> None:
        self.is_let = True
"""


def waiting(version: str, first: str) -> dict[str, str]:
    """Its runs wait for the signal `let`, after `first`."""
    return {"workflows.py": WAITING.replace("VERSION", version).replace("FIRST", first)}


SLEEPS = "await workflow.sleep(0.01)"


@pytest_asyncio.fixture(scope="module")
async def attentive(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[RunningService]:
    """A service that looks at Temporal more often than others."""
    environ = {**service_environ, "WORKER_SWEEP_INTERVAL": "0.3"}
    async with running_service(environ, temporal_telemetry) as service:
        yield service


@pytest_asyncio.fixture(scope="module")
async def client(service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry) -> Client:
    """Of the service's Temporal, for signals."""
    settings = load(TemporalSettings, service_environ)
    return await connect(settings, runtime=temporal_telemetry.runtime, timeout=20)


async def worker(service: RunningService, project: str) -> Any:
    return (await service.ask("GET", f"/v1/projects/{project}/worker")).json()


async def test_a_run_wakes_a_project(attentive: RunningService) -> None:
    """It has no process any more; the run that is asked for begins, and ends."""
    service = attentive
    project = await service.active_project(workflow("answer", "awake"))
    await service.ask("POST", "/workers/start", {"projectId": project})
    await service.ask("PATCH", f"/v1/projects/{project}", {"idleSeconds": 1})

    async def asleep() -> bool:
        now = await worker(service, project)
        return now["asleep"] and not now["instances"]

    await eventually(asleep, "the project sleeps, and its process has ended")
    assert (await worker(service, project))["status"] == "stopped"
    run = await service.ask("POST", f"/v1/projects/{project}/workflows/answer/runs", {"wait": 20})
    assert (run.json()["status"], run.json()["result"]) == ("completed", "awake")
    assert (await worker(service, project))["status"] == "running"


async def test_waiting_runs_go_on_with_new_code_if_all_can(
    attentive: RunningService, client: Client
) -> None:
    """One that could not keeps them where they are, and the worker's versions say why."""
    service = attentive
    project = await service.active_project(waiting("first", SLEEPS))
    await service.ask("POST", "/workers/start", {"projectId": project})
    address = f"/v1/projects/{project}/workflows/wait/runs"
    run = (await service.ask("POST", address, {"id": "one"})).json()
    handle = client.get_workflow_handle(run["workflowId"], run_id=run["runId"])
    await handle.query("__stack_trace")

    async def decided(files: dict[str, str]) -> Any:
        """Activate; the version, once it is decided who goes on with it."""
        bundle_hash = await service.publish(project, files)
        await service.activate(project, bundle_hash, mode="auto_upgrade")

        async def look() -> Any:
            versions = (await worker(service, project))["versions"]
            (found,) = [each for each in versions if each["hash"] == bundle_hash]
            return found if found["moved"] is not None else None

        return await eventually(look, "it is decided whether runs move")

    refused = await decided(waiting("other", "pass"))
    assert refused["moved"] is False
    (finding,) = refused["moveFindings"]
    assert finding["rule"] == "REPLAY_FAILED"
    assert run["workflowId"] in finding["message"]
    fits = await decided(waiting("second", SLEEPS))
    assert (fits["moved"], fits["moveFindings"]) == (True, None)
    await handle.signal("let")
    ended = (await service.ask("POST", address, {"id": "one", "wait": 20})).json()
    assert (ended["status"], ended["result"]) == ("completed", "second")
