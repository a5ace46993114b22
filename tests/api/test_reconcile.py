"""What happens behind the back of the runtime is told by its rows soon; nothing else is touched."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.temporal.names import CONTROL_SIGNAL, RUN_WORKFLOW, workflow_id
from alga_workflows_core.types.states import RunStatus, StepStatus
from tests.api.reconciled import (
    BY_ROWS,
    BY_SWEEP,
    MakeWorld,
    World,
    eventually,
    held,
    holding,
)
from tests.api.service import published, returning

Silent = tuple[str, asyncio.Event]


TEXT = {"text": {"$expr": "payload.a"}}
WAYS = pytest.mark.parametrize("settings", [BY_ROWS, BY_SWEEP], ids=["by rows", "by sweep"])


@WAYS
async def test_a_run_that_somebody_terminates_in_temporal_fails_with_who_and_why(
    make: MakeWorld, silent_url: Silent, settings: dict[str, str]
) -> None:
    """Its row tells reason and identity, and its open steps are over too."""
    service = await make(**settings)
    run_id = await held(service, silent_url)
    await service.handle(run_id).terminate(reason="the disk is full")
    row = await service.becomes(run_id, RunStatus.FAILED)
    assert row.error is not None
    assert (row.error["code"], row.error["category"]) == ("TERMINATED", "Cancelled")
    assert row.error["details"]["reason"] == "the disk is full"
    assert row.error["details"]["identity"] == service.client.identity
    assert row.closed_at is not None
    described = await service.handle(run_id).describe()
    assert row.closed_at == described.close_time
    [step] = await service.steps(run_id)
    assert (step.status, step.error and step.error["code"]) == (StepStatus.CANCELED, "RUN_ENDED")
    assert step.finished_at is not None
    assert await service.deeds() == {"closed": 1}


async def test_a_run_that_the_server_timed_out_says_so(make: MakeWorld, silent_url: Silent) -> None:
    """TIMED_OUT with the code of the server's own timeout, which is not the definition's."""
    service = await make(**BY_ROWS)
    document = holding("holding", silent_url[0])
    await published(service.api, document)
    run_id = await service.claimed("holding")
    await service.execution(run_id, document, lasts=1.5)
    row = await service.becomes(run_id, RunStatus.TIMED_OUT)
    assert row.error is not None
    assert (row.error["code"], row.error["category"]) == ("EXECUTION_TIMEOUT", "Timeout")
    assert {step.status for step in await service.steps(run_id)} <= {StepStatus.CANCELED}


async def test_a_start_that_was_lost_is_made_again(make: MakeWorld) -> None:
    """A row that was claimed, for which Temporal has nothing, and which nobody will claim soon."""
    service = await make(**BY_ROWS)
    await published(service.api, returning("lost", {"$expr": "payload.a"}))
    run_id = await service.claimed("lost")
    row = await service.becomes(run_id, RunStatus.SUCCEEDED)
    assert row.result == 1
    assert set(await service.deeds()) == {"start_again"}


async def test_a_start_that_temporal_has_is_left_alone(make: MakeWorld, silent_url: Silent) -> None:
    """A claimed row whose execution exists goes on with it; there is one execution."""
    service = await make(**BY_ROWS)
    document = holding("holding", silent_url[0])
    await published(service.api, document)
    run_id = await service.claimed("holding")
    handle = await service.execution(run_id, document)
    row = await service.becomes(run_id, RunStatus.RUNNING)
    assert row.temporal_run_id == handle.result_run_id
    assert await service.deeds() == {}


async def test_a_run_that_ended_before_its_first_rows_is_closed(
    make: MakeWorld, silent_url: Silent
) -> None:
    """Its start is due again, Temporal says that it was started and is over, and nobody wrote."""
    service = await make(**BY_ROWS | {"WORKFLOW_RECONCILE_AFTER": "3600"})
    document = holding("holding", silent_url[0])
    await published(service.api, document)
    run_id = uuid4()
    handle = await service.client.start_workflow(
        RUN_WORKFLOW, id=workflow_id(run_id), task_queue="nobody works here"
    )
    await handle.terminate(reason="never worked on")
    await service.claimed("holding", run_id=run_id, due_in=0)
    row = await service.becomes(run_id, RunStatus.FAILED)
    assert row.error is not None
    assert row.error["code"] == "TERMINATED"


async def test_a_run_that_temporal_does_not_know_is_lost(make: MakeWorld) -> None:
    """FAILED, and it says what is known; but not one that belongs to another namespace."""
    service = await make(**BY_ROWS)
    await published(service.api, returning("gone"))
    here = await service.claimed("gone", RunStatus.RUNNING)
    elsewhere = await service.claimed("gone", RunStatus.RUNNING, namespace="elsewhere")
    row = await service.becomes(here, RunStatus.FAILED)
    assert row.error is not None
    assert row.error["code"] == "EXECUTION_LOST"
    assert service.client.namespace in row.error["message"]
    assert row.error["details"]["lastStatus"] == "RUNNING"
    assert (await service.existing(elsewhere)).status is RunStatus.RUNNING
    assert await service.deeds() == {"lost": 1}


@pytest.mark.parametrize("outcome", ["result", "error"])
async def test_a_row_of_before_the_end_gets_result_or_error_from_the_history(
    make: MakeWorld, outcome: str
) -> None:
    """As after a restore of the database: the row is as it was, the execution has ended."""
    service = await make(**BY_ROWS)
    document = returning("done", {"answer": [42, None, "ü"]})
    if outcome == "error":
        called = {"actionId": "text.slug", "version": 1, "inputMapping": TEXT}
        document["steps"] = [{"id": "call", "type": "action.call", "config": called}]
    await published(service.api, document)
    run_id = await service.start("done")
    ended = await service.becomes(run_id, RunStatus.SUCCEEDED, RunStatus.FAILED)
    await service.closed(run_id)
    await service.execute(
        "INSERT INTO workflow_runs (tenant, id, definition_id, version, status, trigger_type,"
        " execution_key, payload, created_by, seq) VALUES ('other', :id, 'done', 1, 'RUNNING',"
        " 'api', 'key', '{}', 'test', 1)",
        id=run_id,
    )

    async def is_closed() -> RunRow | None:
        row = await _of(service, "other", run_id)
        return None if row.status is RunStatus.RUNNING else row

    row = await eventually(is_closed)
    assert (row.status, row.result, row.error) == (ended.status, ended.result, ended.error)


async def test_a_lost_row_of_a_run_that_goes_on_is_made_anew(
    make: MakeWorld, silent_url: Silent
) -> None:
    """From its start input; and the run is told to write its rows again."""
    service = await make(**BY_SWEEP)
    run_id = await held(service, silent_url)
    before = await service.existing(run_id)
    await service.execute("DELETE FROM workflow_runs WHERE id = :id", id=run_id)
    row = await service.becomes(run_id, RunStatus.RUNNING)
    for name in ("definition_id", "version", "payload", "execution_key", "created_by", "epoch"):
        assert getattr(row, name) == getattr(before, name), name
    assert row.temporal_run_id == before.temporal_run_id
    history = await eventually(lambda: _signals(service, run_id))
    assert history == [CONTROL_SIGNAL]
    assert (await service.deeds())["row_restored"] == 1
    # And it is this run again for everybody: it can be cancelled, and ends in its row.
    await service.handle(run_id).cancel()
    assert (await service.becomes(run_id, RunStatus.CANCELED)).error is not None


async def test_a_lost_row_of_a_run_that_has_ended_is_made_anew(make: MakeWorld) -> None:
    """With its result, and its times as Temporal knows them; the same key finds it again."""
    service = await make(**BY_SWEEP)
    await published(service.api, returning("done", {"$expr": "payload"}))

    async def start(number: int) -> httpx.Response:
        return await service.api.post(
            "/definitions/done/runs",
            json={"payload": {"a": number}},
            headers={"Idempotency-Key": "once"},
        )

    run_id = UUID((await start(1)).json()["runId"])
    before = await service.becomes(run_id, RunStatus.SUCCEEDED)
    await service.closed(run_id)
    await service.execute("DELETE FROM workflow_runs WHERE id = :id", id=run_id)
    row = await service.becomes(run_id, RunStatus.SUCCEEDED)
    assert (row.result, row.payload) == (before.result, before.payload)
    described = await service.handle(run_id).describe()
    assert (row.created_at, row.closed_at) == (described.start_time, described.close_time)
    again = await start(1)
    assert (again.status_code, again.json()["runId"]) == (200, str(run_id))
    other = await start(2)
    assert (other.status_code, other.json()["code"]) == (422, "KEY_REUSED")


async def test_an_execution_that_is_no_run_of_ours_is_left_alone(make: MakeWorld) -> None:
    """Started by hand with something else: no row is made, and it is told once."""
    service = await make(**BY_SWEEP)
    run_id = uuid4()
    await service.client.start_workflow(
        RUN_WORKFLOW, {"not": "ours"}, id=workflow_id(run_id), task_queue="nobody works here"
    )
    assert await eventually(service.deeds) == {"unreadable": 1}
    await _several_looks(service)
    assert await service.row(run_id) is None
    assert await service.deeds() == {"unreadable": 1}


async def test_two_reconcilers_at_once_do_each_thing_once(
    make: MakeWorld, silent_url: Silent
) -> None:
    """Ten runs are terminated and ten starts are lost: each end is written once, each run begun."""
    first = await make(**BY_SWEEP)
    second = await make(**BY_SWEEP)
    await published(first.api, holding("holding", silent_url[0]))
    await published(first.api, returning("lost"))
    running = [await first.start("holding") for _ in range(10)]
    for run_id in running:
        await first.becomes(run_id, RunStatus.RUNNING)
    lost = [await first.claimed("lost") for _ in range(10)]
    await asyncio.gather(*(first.handle(run_id).terminate(reason="all") for run_id in running))
    for run_id in running:
        await first.becomes(run_id, RunStatus.FAILED)
    for run_id in lost:
        await first.becomes(run_id, RunStatus.SUCCEEDED)
    done = [await first.deeds(), await second.deeds()]
    assert sum(deeds.get("closed", 0) for deeds in done) == 10
    assert {deed for deeds in done for deed in deeds} <= {"closed", "start_again"}
    assert len({(await first.existing(run_id)).temporal_run_id for run_id in lost}) == 10


async def test_a_healthy_system_gives_the_reconciler_nothing_to_do(
    make: MakeWorld, silent_url: Silent
) -> None:
    """Runs that are long in an action, and runs that have ended, are looked at and stay as they
    are; the longer nothing changes, the less often."""
    service = await make(**BY_SWEEP)
    run_id = await held(service, silent_url)
    await published(service.api, returning("done"))
    ended = await service.start("done")
    await service.becomes(ended, RunStatus.SUCCEEDED)
    rows = [await service.existing(one) for one in (run_id, ended)]
    changed = await _changed_at(service)
    await eventually(lambda: _looked_at(service, run_id, 2))
    await _several_looks(service)
    assert [await service.existing(one) for one in (run_id, ended)] == rows
    assert await _changed_at(service) == changed
    assert await service.deeds() == {}
    assert (await service.handle(run_id).describe()).status is WorkflowExecutionStatus.RUNNING
    assert await _signals(service, run_id) == []


async def _of(service: World, tenant: str, run_id: UUID) -> RunRow:
    async with service.storage.unit_of_work(tenant) as work:
        row = await work.runs.get(run_id)
    assert row is not None
    return row


async def _signals(service: World, run_id: UUID) -> list[str]:
    history = await service.handle(run_id).fetch_history()
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]


async def _looked_at(service: World, run_id: UUID, times: int) -> bool:
    looks = "SELECT reconcile_looks FROM workflow_runs WHERE id = :id"
    return await service.scalar(looks, id=run_id) >= times


async def _several_looks(service: World) -> None:
    """Return after two whole sweeps."""
    query = "SELECT swept_until FROM alga_sweeps WHERE namespace = :namespace"
    ours = {"namespace": service.client.namespace}
    for _ in range(2):
        before = await service.scalar(query, **ours)

        async def is_later(before: datetime | None = before) -> bool:
            now = await service.scalar(query, **ours)
            return now is not None and (before is None or now > before)

        await eventually(is_later)


async def _changed_at(service: World) -> datetime:
    return await service.scalar("SELECT max(updated_at) FROM workflow_runs")
