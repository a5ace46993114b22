"""Operators cancel, pause, resume and terminate runs; doing it again does no harm."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus

from alga_workflows_core.temporal.names import CONTROL_SIGNAL, RUN_WORKFLOW, workflow_id
from alga_workflows_core.types.states import RunStatus, StepStatus
from tests.api.reconciled import NEVER, MakeWorld, World, held, holding
from tests.api.service import check_problem, published, returning

Silent = tuple[str, asyncio.Event]

# The reconciler does nothing on its own here.
QUIET = {"WORKFLOW_RECONCILE_AFTER": NEVER, "WORKFLOW_SWEEP_INTERVAL": NEVER}


async def events(service: World, run_id: UUID, attributes: str) -> list[HistoryEvent]:
    """The events of a run that have these attributes."""
    history = await service.handle(run_id).fetch_history()
    return [event for event in history.events if event.WhichOneof("attributes") == attributes]


async def post(service: World, run_id: UUID, do: str, body: object = None) -> httpx.Response:
    return await service.api.post(f"/runs/{run_id}/{do}", json=body or {})


async def test_a_run_is_cancelled_with_a_reason(make: MakeWorld, silent_url: Silent) -> None:
    """202 with the run; it ends by itself, and its history says why. Twice is as good as once."""
    service = await make(**QUIET)
    run_id = await held(service, silent_url)
    answer = await post(service, run_id, "cancel", {"reason": "wrong client"})
    assert answer.status_code == 202
    assert answer.json()["runId"] == str(run_id)
    again = await post(service, run_id, "cancel")
    assert again.status_code in {202, 409}
    row = await service.becomes(run_id, RunStatus.CANCELED)
    assert (row.error or {})["code"] == "CANCELED"
    asked = await events(service, run_id, "workflow_execution_cancel_requested_event_attributes")
    assert [
        event.workflow_execution_cancel_requested_event_attributes.cause for event in asked
    ] == ["wrong client"]


async def test_a_run_is_terminated_at_once(make: MakeWorld, silent_url: Silent) -> None:
    """The answer has the final state already, with who asked for it and why."""
    service = await make(**QUIET)
    run_id = await held(service, silent_url)
    answer = await post(service, run_id, "terminate", {"reason": "it is stuck"})
    assert answer.status_code == 202, answer.text
    ended = answer.json()
    assert (ended["status"], ended["error"]["code"]) == ("FAILED", "TERMINATED")
    assert ended["error"]["details"]["reason"] == "it is stuck"
    assert ended["error"]["details"]["by"] == "dev"
    assert await service.closed(run_id) is WorkflowExecutionStatus.TERMINATED
    assert [step.status for step in await service.steps(run_id)] == [StepStatus.CANCELED]


async def test_somebody_who_waits_for_a_run_hears_of_its_termination(
    make: MakeWorld, silent_url: Silent
) -> None:
    """At once, not at the next look."""
    service = await make(**QUIET)
    await published(service.api, holding("waited", silent_url[0]))
    waiting = asyncio.create_task(
        service.api.post("/definitions/waited/runs", json={"payload": {}, "wait": 30})
    )
    await asyncio.wait_for(silent_url[1].wait(), 20)
    [run] = (await service.api.get("/runs")).json()["items"]
    await service.becomes(UUID(run["runId"]), RunStatus.RUNNING)
    await post(service, UUID(run["runId"]), "terminate", {"reason": "enough"})
    answer = await asyncio.wait_for(waiting, 5)
    assert answer.json()["error"]["code"] == "TERMINATED"


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [("cancel", RunStatus.CANCELED, "CANCELED"), ("terminate", RunStatus.FAILED, "TERMINATED")],
)
async def test_a_queued_run_ends_without_having_begun(
    make: MakeWorld, do: str, status: RunStatus, code: str
) -> None:
    """Its row is closed, nothing is started, and the starter leaves it alone."""
    service = await make(**QUIET)
    await published(service.api, returning("queued"))
    run_id = await service.claimed("queued", RunStatus.QUEUED)
    answer = await post(service, run_id, do, {"reason": "not needed"})
    assert (answer.status_code, answer.json()["status"]) == (202, status)
    assert answer.json()["error"]["code"] == code
    assert not await service.has_execution(run_id)


@pytest.mark.parametrize(
    ("do", "status"), [("cancel", RunStatus.CANCELED), ("terminate", RunStatus.FAILED)]
)
async def test_a_run_that_is_being_started_is_stopped_when_it_is(
    make: MakeWorld, silent_url: Silent, do: str, status: RunStatus
) -> None:
    """Temporal does not have it yet; whoever starts it does what was asked for."""
    service = await make(**QUIET)
    await published(service.api, holding("starting", silent_url[0]))
    run_id = await service.claimed("starting")
    answer = await post(service, run_id, do, {"reason": "not needed"})
    assert (answer.status_code, answer.json()["status"]) == (202, "STARTING")
    assert (await post(service, run_id, do, {"reason": "not needed"})).status_code == 202
    await service.execute(
        "UPDATE workflow_runs SET start_due_at = clock_timestamp() WHERE id = :id", id=run_id
    )
    row = await service.becomes(run_id, status)
    assert row.stop_request is None


async def test_pause_and_resume_are_told_to_the_run(make: MakeWorld, silent_url: Silent) -> None:
    """As a signal each; the answer is the run as it is."""
    service = await make(**QUIET)
    run_id = await held(service, silent_url)
    for do in ("pause", "resume", "resume"):
        answer = await post(service, run_id, do)
        assert (answer.status_code, answer.json()["runId"]) == (202, str(run_id))
    kind = "workflow_execution_signaled_event_attributes"
    async with asyncio.timeout(30):
        # The server keeps what comes while a workflow task is under way until that has ended.
        while len(found := await events(service, run_id, kind)) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    told = [event.workflow_execution_signaled_event_attributes for event in found]
    assert {signal.signal_name for signal in told} == {CONTROL_SIGNAL}
    decoded = [
        (await service.client.data_converter.decode(signal.input.payloads))[0] for signal in told
    ]
    assert decoded == [{"do": "pause"}, {"do": "resume"}, {"do": "resume"}]


@pytest.mark.parametrize("do", ["pause", "resume"])
async def test_a_run_that_has_not_begun_cannot_be_paused(make: MakeWorld, do: str) -> None:
    """Neither a queued one nor one whose execution is not there yet."""
    service = await make(**QUIET)
    await published(service.api, returning("early"))
    for status in (RunStatus.QUEUED, RunStatus.STARTING):
        run_id = await service.claimed("early", status)
        problem = check_problem(await post(service, run_id, do), 409, "RUN_NOT_STARTED")
        assert problem["runStatus"] == status


@pytest.mark.parametrize("do", ["cancel", "terminate", "pause", "resume"])
async def test_a_run_that_has_ended_is_a_conflict_with_its_state(make: MakeWorld, do: str) -> None:
    """Also if only Temporal knows that it has ended; its row knows then. An unknown run is 404."""
    service = await make(**QUIET)
    await published(service.api, returning("ended"))
    ended = await service.start("ended")
    await service.becomes(ended, RunStatus.SUCCEEDED)
    problem = check_problem(await post(service, ended, do, REASON), 409, "RUN_ENDED")
    assert problem["runStatus"] == "SUCCEEDED"
    stale = await service.claimed("ended", RunStatus.RUNNING)
    handle = await service.client.start_workflow(
        RUN_WORKFLOW, id=workflow_id(stale), task_queue="nobody works here"
    )
    await handle.terminate(reason="behind our back")
    problem = check_problem(await post(service, stale, do, REASON), 409, "RUN_ENDED")
    assert problem["runStatus"] == "FAILED"
    assert (await service.existing(stale)).status is RunStatus.FAILED
    check_problem(await post(service, uuid4(), do, REASON), 404, "NOT_FOUND")


REASON = {"reason": "why not"}
