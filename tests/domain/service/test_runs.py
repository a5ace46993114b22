"""The document's test suite as a client sees it: over HTTP and Temporal."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest_asyncio

from temporal_worker.client import ServiceClient
from temporal_worker.sample import MESSAGE, SampleResults, run_sample
from tests.domain.service.running import RunningService, eventually, workflow

FAILING = {
    "workflows.py": """
from temporalio import workflow
from temporalio.exceptions import ApplicationError

@workflow.defn(name="fail")
class Fail:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("no luck")
"""
}

GREEDY = {
    "workflows.py": """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

@activity.defn(name="take")
async def take(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))

@workflow.defn(name="greedy")
class Greedy:
    @workflow.run
    async def run(self, megabytes: int) -> int:
        return await workflow.execute_activity(
            take,
            megabytes,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
"""
}


@pytest_asyncio.fixture(scope="module")
async def sample(service: RunningService) -> SampleResults:
    """The document's two workflows, run to their ends."""
    return await run_sample(ServiceClient(service.http, service.url))


async def run(service: RunningService, project: str, name: str, **body: Any) -> Any:
    answer = await service.ask("POST", f"/v1/projects/{project}/workflows/{name}/runs", body)
    assert answer.status_code in (200, 201), answer.text
    return {**answer.json(), "status_code": answer.status_code}


async def test_the_simple_workflow_processes_its_message(sample: SampleResults) -> None:
    """As the document has recorded it."""
    assert sample.simple == f"Processed: {MESSAGE}"


async def test_the_other_workflow_goes_through_the_activities(sample: SampleResults) -> None:
    """A processed message, a build, HELLO WORLD, a valid address; it waits half a second."""
    assert sample.activities["sampleResult"] == f"Processed: {MESSAGE}"
    assert sample.activities["buildResult"]["artifacts"] == [
        "test-package-1.0.0.tar.gz",
        "test-package-1.0.0.zip",
    ]
    assert sample.activities["transformResult"] == "HELLO WORLD"
    assert sample.activities["validationResult"] == {"valid": True, "errors": []}
    assert sample.elapsed_seconds >= 0.5
    assert sample.ok


async def test_the_worker_starts_in_time(sample: SampleResults) -> None:
    """The document allows five seconds."""
    assert sample.start_seconds < 5


async def test_the_same_id_is_the_same_run(service: RunningService, sample: SampleResults) -> None:
    """While it runs and when it has ended, by the body's id and by the header's."""
    for sent in ({"id": uuid4().hex}, {}):
        headers = {} if sent else {"idempotency-key": uuid4().hex}
        address = f"/v1/projects/{sample.project_id}/workflows/simpleTestWorkflow/runs"
        body = {"input": "again", "wait": 20, **sent}
        answers = [await service.ask("POST", address, body, **headers) for _ in range(2)]
        assert [each.status_code for each in answers] == [201, 200]
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["result"] == "Processed: again"


async def test_an_unknown_workflow_is_not_found(
    service: RunningService, sample: SampleResults
) -> None:
    """The answer knows which one was meant."""
    address = f"/v1/projects/{sample.project_id}/workflows/simpleTestWorkflo/runs"
    answer = await service.ask("POST", address, {})
    assert (answer.status_code, answer.json()["code"]) == (404, "WORKFLOW_UNKNOWN")
    assert "simpleTestWorkflow" in answer.json()["remedy"]


async def test_a_failure_is_told(service: RunningService) -> None:
    """With what the code has raised."""
    project = await service.active_project(FAILING)
    await service.ask("POST", "/workers/start", {"projectId": project})
    failed = await run(service, project, "fail", wait=20)
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert "no luck" in failed["error"]


async def test_a_limit_of_the_project_is_in_place_of_the_bundles(service: RunningService) -> None:
    """A worker that runs is replaced by one that may have more."""
    project = await service.active_project(GREEDY)
    await service.ask("POST", "/workers/start", {"projectId": project})
    assert (await run(service, project, "greedy", input=400, wait=20))["status"] == "failed"
    change = {"limits": {"memoryMb": 512}}
    assert (await service.ask("PATCH", f"/v1/projects/{project}", change)).status_code == 200

    async def replaced() -> bool:
        worker = (await service.ask("GET", f"/v1/projects/{project}/worker")).json()
        return [each["generation"] for each in worker["instances"]] == [worker["generation"]] == [1]

    await eventually(replaced, "there is another process")
    done = await run(service, project, "greedy", input=400, wait=20)
    assert done["result"] == 400 * 1024 * 1024, done


async def test_what_workers_did_can_be_looked_at(
    service: RunningService, sample: SampleResults
) -> None:
    """Processes, lines of the log in pages, problems of nobody."""
    address = f"/v1/projects/{sample.project_id}"

    async def lines() -> list[Any]:
        found = (await service.ask("GET", f"{address}/logs?limit=500")).json()
        return [each for each in found["items"] if MESSAGE in each["line"]]

    first = (await eventually(lines, "the workflow's log messages"))[0]
    page = (await service.ask("GET", f"{address}/logs?after={first['id'] - 1}&limit=1")).json()
    assert page["items"] == [first]
    assert page["next"] == first["id"]
    instances = (await service.ask("GET", f"{address}/instances")).json()["items"]
    assert "ready" in {each["state"] for each in instances}
    worker = (await service.ask("GET", f"{address}/worker")).json()
    assert (worker["status"], worker["versions"][0]["state"]) == ("running", "current")
    statistics = await service.ask("GET", f"{address}/statistics")
    assert statistics.status_code == 200


async def test_new_runs_begin_with_what_is_active(service: RunningService) -> None:
    """Without a restart; a rollback is at once as well."""
    project = await service.active_project(workflow("answer", "first"))
    first = (await service.activations(project))[0]["hash"]
    await service.ask("POST", "/workers/start", {"projectId": project})
    assert (await run(service, project, "answer", wait=20))["result"] == "first"
    second = await service.publish(project, workflow("answer", "second"))

    async def answers(expected: str) -> bool:
        return (await run(service, project, "answer", wait=20))["result"] == expected

    await service.activate(project, second)
    await eventually(lambda: answers("second"), "runs begin with the second code")
    await service.activate(project, first)
    await eventually(lambda: answers("first"), "runs begin with the first code again")
