"""How a worker ends: in order, and after the actions that are running."""

from __future__ import annotations

import asyncio
from uuid import UUID

from temporalio.client import Client

from alga_workflows_core.temporal.names import workflow_id
from tests.services.command import client, eventually, running
from tests.services.definitions import closed_run, publish_call, start_call
from tests.services.gate import Gate


async def completed_activities(temporal: Client, run_id: str) -> int:
    history = await temporal.get_workflow_handle(workflow_id(UUID(run_id))).fetch_history()
    return sum(
        event.HasField("activity_task_completed_event_attributes") for event in history.events
    )


async def test_sigterm_lets_a_running_action_finish(
    environ: dict[str, str], key: str, temporal_client: Client, gate: Gate
) -> None:
    """The API closes first, the action ends and is reported, then the rest ends; status 0."""
    environ["WORKFLOW_STOP_TIMEOUT"] = "60"
    async with running(environ=environ) as worker, client(await worker.url(), key) as api:
        await publish_call(api)
        run_id = await start_call(api, gate.url)
        await eventually(gate.was_asked, "the action runs")

        worker.terminate()
        await worker.logged("service.stopped", name="run-starter")
        assert not worker.actions("service.stopped", name="poller")
        assert worker.is_running
        gate.open.set()
        assert await worker.ended() == 0
        stopped = [line["name"] for line in worker.actions("service.stopped")]
        started = [line["name"] for line in worker.actions("service.started")]
        assert stopped == started[::-1]
        assert stopped[0] == "http"
        assert not [line for line in worker.log if line["level"] in {"warning", "error"}]
    assert await completed_activities(temporal_client, run_id) == 1


async def test_sigterm_gives_up_an_action_that_takes_too_long(
    environ: dict[str, str], key: str, gate: Gate
) -> None:
    """After the stop time-out the action is cancelled; another worker repeats it at once."""
    async with running(environ={**environ, "WORKFLOW_STOP_TIMEOUT": "0.5"}) as first:
        async with client(await first.url(), key) as api:
            await publish_call(api)
            run_id = await start_call(api, gate.url)
            await eventually(gate.was_asked, "the action runs")
        first.terminate()
        assert await first.ended() == 0
    gate.open.set()
    async with running(environ=environ) as second, client(await second.url(), key) as api:
        closed = await closed_run(api, run_id)
        assert closed["status"] == "SUCCEEDED"


async def test_a_second_signal_ends_it_now(environ: dict[str, str], key: str, gate: Gate) -> None:
    """Whatever runs is left behind; status 130."""
    environ["WORKFLOW_STOP_TIMEOUT"] = "600"
    async with running(environ=environ) as worker, client(await worker.url(), key) as api:
        await publish_call(api)
        await start_call(api, gate.url)
        await eventually(gate.was_asked, "the action runs")
        worker.terminate()
        await worker.logged("process.stop_requested", signal="SIGTERM")
        worker.terminate()
        assert await worker.ended() == 130


async def test_who_waits_for_a_run_is_answered_when_the_worker_stops(
    environ: dict[str, str], key: str, gate: Gate
) -> None:
    """A request that waits for the end of a run gets the run as it is, instead of an error."""
    async with running(environ=environ) as worker, client(await worker.url(), key) as api:
        await publish_call(api)
        body = {"payload": {"url": gate.url}, "wait": 60}
        waiting = asyncio.create_task(api.post("/api/v1/definitions/call/runs", json=body))
        await eventually(gate.was_asked, "the action runs")
        worker.terminate()
        answer = await waiting
        assert (answer.status_code, answer.json()["status"]) == (201, "RUNNING")
