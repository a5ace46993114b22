"""Rows of runs are held against their histories, and written anew from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.errors import AlgaError, InputError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.runs.rebuild import Rebuilt
from alga_workflows_core.runs.row_differences import (
    COMPARED,
    KEYS,
    LEFT_OUT,
    ROW,
    RUNS,
    STEPS,
    WAITS,
)
from alga_workflows_core.storage.columns import metadata
from alga_workflows_core.storage.open_runs import LAST_SEQ
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import workflow_id
from alga_workflows_core.temporal.worker import WorkerOptions
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.api.calling import children
from tests.api.inbox import published_in_spite_of_warnings
from tests.api.rebuilding import (
    NOBODY,
    TENANT,
    Rebuilding,
    asking,
    everything,
    rebuilding,
    waiting,
)
from tests.api.service import returning, serving
from tests.durable.workflows import CutRunWorkflow
from tests.services.command import Command, eventually
from workflow_worker.base import Mode
from workflow_worker.rebuilding import rebuild


@pytest_asyncio.fixture(scope="module")
async def world(
    databases: TestDatabases,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[Rebuilding]:
    """One service for all tests here."""
    server = TemporalSettings(address=temporal_server.address)
    admin = await connect(server, runtime=temporal_telemetry.runtime)
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=await create_namespace(admin)
    )
    client = await connect(temporal, runtime=temporal_telemetry.runtime)
    mode = Mode(open_tenant=TENANT, worker=WorkerOptions(workflow=CutRunWorkflow))
    async with databases.clone() as database_url:
        database = Database(load(DatabaseSettings, {"DATABASE_URL": database_url}))
        try:
            async with (
                serving(database_url, temporal, temporal_telemetry, mode=mode, **NOBODY) as url,
                httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as api,
                rebuilding(api, client, Storage(database), database_url) as made,
            ):
                for document in DOCUMENTS:
                    draft = await api.put(f"/definitions/{document['id']}/draft", json=document)
                    assert draft.is_success, draft.text
                    published = await api.post(f"/definitions/{document['id']}/publish")
                    assert published.is_success, published.text
                yield made
        finally:
            await database.close()


TIMES = {"started_at", "finished_at", "closed_at"}
RUNS_AT_MOST = 3

LIMITED = {"concurrency": {"key": {"$expr": "payload.key"}, "limit": 1, "onLimit": "queue"}}
DOCUMENTS = [
    returning("called", {"$expr": "1"}),
    everything("everything", "called"),
    asking("asking"),
    waiting("waiting"),
    waiting("limited", **LIMITED),
]


@pytest_asyncio.fixture(scope="module")
async def ended(world: Rebuilding) -> UUID:
    """A run of everything that has ended, and that no test may change for good.

    Rows keep the times of a workflow task that was done and then given out again, which happens
    where a machine is slow: not with this run.
    """
    number = 0
    while True:
        number += 1
        key = f"ended {number}"
        run_id = await world.start("everything", {"key": key})
        await world.tell("REBUILT", key)
        row = await world.becomes(run_id, "SUCCEEDED", "FAILED")
        assert row["status"] == "SUCCEEDED", row
        differing = {column for _, _, column in told(await world.rebuilder.compare(run_id))}
        if not differing or not differing <= TIMES or number == RUNS_AT_MOST:
            return run_id


def told(rebuilt: Rebuilt) -> set[tuple[str, str, str]]:
    return {(each.table, each.key, each.column) for each in rebuilt.found}


async def test_rows_of_a_run_are_what_its_histories_tell(world: Rebuilding, ended: UUID) -> None:
    """Through all of its executions, and so are those of the run that it has called."""
    rebuilt = await world.rebuilder.compare(ended)
    assert rebuilt.found == []
    assert rebuilt.tenant == TENANT
    assert rebuilt.executions > 1
    [child] = await children(world.api, str(ended), at_least=1)
    assert (await world.rebuilder.compare(UUID(child["runId"]))).found == []


async def test_lost_and_wrong_rows_are_told_and_written_anew(
    world: Rebuilding, ended: UUID
) -> None:
    """Steps that are gone, behind, or in a state that they never had; the run's own row; a wait.
    What decides stays as it is."""
    before, deciding = await world.rows(ended), await world.deciding()
    await world.execute(
        "DELETE FROM workflow_run_steps WHERE run_id = :run AND path IN ('each[1]/add', 'guard')",
        "UPDATE workflow_run_steps SET status = 'FAILED', error = '{}'"
        " WHERE run_id = :run AND path = 'label'",
        "UPDATE workflow_run_steps SET status = 'RUNNING', seq = position, finished_at = NULL"
        " WHERE run_id = :run AND path = 'both'",
        "UPDATE workflow_runs SET status = 'FAILED', result = NULL, label = 'wrong'"
        " WHERE id = :run",
        "DELETE FROM workflow_run_waits WHERE run_id = :run AND kind = 'time'",
        run=ended,
    )
    compared = await world.rebuilder.compare(ended)
    assert told(compared) == {
        (STEPS, "each[1]/add", ROW),
        (STEPS, "guard", ROW),
        (STEPS, "label", "status"),
        (STEPS, "label", "error"),
        (STEPS, "both", "status"),
        (STEPS, "both", "seq"),
        (STEPS, "both", "finished_at"),
        (RUNS, str(ended), "status"),
        (RUNS, str(ended), "result"),
        (RUNS, str(ended), "label"),
        (WAITS, "both/rest/pause#1", ROW),
    }
    repaired = await world.rebuilder.repair(ended)
    assert (told(repaired), repaired.left) == (told(compared), [])
    assert (await world.rebuilder.repair(ended)).found == []
    assert _but(await world.rows(ended), "updated_at") == _but(before, "updated_at")
    assert await world.deciding() == deciding


async def test_a_run_without_any_row_is_made_anew(world: Rebuilding, ended: UUID) -> None:
    """All that its histories know is there again, and nothing is done a second time."""
    before, deciding = await world.rows(ended), await world.deciding()
    await world.execute(
        "DELETE FROM workflow_run_steps WHERE run_id = :run",
        "DELETE FROM workflow_run_waits WHERE run_id = :run",
        "DELETE FROM workflow_runs WHERE id = :run",
        run=ended,
    )
    assert (await world.rebuilder.repair(ended)).left == []
    after = await world.rows(ended)
    for table in (RUNS, STEPS, WAITS):
        assert _but(after, *LEFT_OUT[table])[table] == _but(before, *LEFT_OUT[table])[table]
    assert await world.deciding() == deciding


async def test_what_is_newer_or_unknown_is_told_and_left(world: Rebuilding, ended: UUID) -> None:
    """A repair never writes over a row with a higher seq, and removes none."""
    await world.execute(
        "UPDATE workflow_run_steps SET status = 'FAILED', seq = seq + 1000"
        " WHERE run_id = :run AND path = 'label'",
        "INSERT INTO workflow_run_steps"
        " (tenant, run_id, path, step_id, type, status, position, epoch, seq)"
        " SELECT tenant, run_id, 'never', 'never', type, status, position, epoch, seq"
        " FROM workflow_run_steps WHERE run_id = :run AND path = 'both'",
        run=ended,
    )
    try:
        repaired = await world.rebuilder.repair(ended)
        assert told(repaired) == {
            (STEPS, "label", "status"),
            (STEPS, "label", "seq"),
            (STEPS, "never", ROW),
        }
        assert repaired.left == repaired.found
    finally:
        await world.execute(
            "UPDATE workflow_run_steps SET status = 'SUCCEEDED', seq = seq - 1000"
            " WHERE run_id = :run AND path = 'label'",
            "DELETE FROM workflow_run_steps WHERE run_id = :run AND path = 'never'",
            run=ended,
        )


@pytest.mark.parametrize("early", [True, False], ids=["told before", "told afterwards"])
async def test_an_open_run_goes_on_with_rows_that_were_made_anew(
    world: Rebuilding, early: bool
) -> None:
    """Also with an event that came while the row of its wait was lost."""
    key = f"open {early}"
    run_id = await world.start("waiting", {"key": key})
    await world.becomes(run_id, "WAITING")
    await _settled(world, run_id)
    await world.execute(
        "DELETE FROM workflow_run_steps WHERE run_id = :run",
        "DELETE FROM alga_wait_matches m USING workflow_run_waits w"
        " WHERE w.id = m.wait_id AND w.run_id = :run",
        "DELETE FROM workflow_run_waits WHERE run_id = :run",
        run=run_id,
    )
    assert told(await world.rebuilder.compare(run_id)) == {
        (STEPS, "wait", ROW),
        (WAITS, "wait#1", ROW),
    }
    if early:
        await world.tell("REBUILT", key)
    assert (await world.rebuilder.repair(run_id)).left == []
    if not early:
        await world.tell("REBUILT", key)
    row = await world.becomes(run_id, "SUCCEEDED", "FAILED")
    assert row["result"] == "told"
    assert (await world.rebuilder.compare(run_id)).found == []


async def test_a_lost_row_of_an_open_run_gets_its_slot_again(world: Rebuilding) -> None:
    """And nobody else does while it runs; when it was terminated, its end is written with all that
    belongs to it, and the next one begins."""
    payload = {"key": "slot"}
    first = await world.start("limited", payload)
    await world.becomes(first, "WAITING")
    await _settled(world, first)
    second = await world.start("limited", payload)
    await world.execute(
        "DELETE FROM workflow_runs WHERE id = :run",
        "DELETE FROM alga_run_slots WHERE run_id = :run",
        run=first,
    )
    assert told(await world.rebuilder.repair(first)) == {(RUNS, str(first), ROW)}
    assert (await world.becomes(second, "QUEUED"))["status"] == "QUEUED"
    await world.client.get_workflow_handle(workflow_id(first)).terminate(reason="enough")
    found = told(await world.rebuilder.compare(first))
    assert {(RUNS, str(first), "status"), (STEPS, "wait", "status")} < found
    assert (WAITS, "wait#1", "status") in found
    assert (await world.rebuilder.repair(first)).left == []
    row = await world.becomes(first, "FAILED")
    assert row["error"]["code"] == "TERMINATED"
    await world.becomes(second, "WAITING")
    await world.tell("REBUILT", "slot")
    await world.becomes(second, "SUCCEEDED")


async def test_a_run_in_the_middle_of_an_action_differs_in_nothing(
    world: Rebuilding, silent_url: tuple[str, asyncio.Event]
) -> None:
    """Its rows are ahead of its history; when it was terminated, what was under way is over."""
    url, asked = silent_url
    run_id = await world.start("asking", {"url": url})
    await asyncio.wait_for(asked.wait(), 20)
    await world.becomes(run_id, "RUNNING")
    assert (await world.rebuilder.compare(run_id)).found == []
    # Nothing but the end of the action tells its history that this row was written.
    await world.execute("DELETE FROM workflow_run_steps WHERE run_id = :run", run=run_id)
    assert (await world.rebuilder.compare(run_id)).found == []
    await world.client.get_workflow_handle(workflow_id(run_id)).terminate(reason="enough")
    repaired = await world.rebuilder.repair(run_id)
    assert {(RUNS, str(run_id), "status"), (STEPS, "ask", ROW)} <= told(repaired)
    assert repaired.left == []
    [step] = (await world.rows(run_id))[STEPS]
    assert (step["status"], step["error"]["code"]) == ("CANCELED", "RUN_ENDED")
    assert (await world.rebuilder.compare(run_id)).found == []


async def test_a_run_that_ended_before_it_began_has_no_steps(world: Rebuilding) -> None:
    """What its code would have done, had it come to that, is not in its history."""
    run_id = uuid4()
    await world.execution(run_id, waiting("waiting"))
    await world.client.get_workflow_handle(workflow_id(run_id)).terminate(reason="at once")
    assert told(await world.rebuilder.repair(run_id)) == {(RUNS, str(run_id), ROW)}
    row = await world.becomes(run_id, "FAILED")
    assert row["error"]["details"]["reason"] == "at once"
    assert (await world.rows(run_id))[STEPS] == []
    assert (await world.rebuilder.compare(run_id)).found == []


async def test_an_end_that_was_written_before_it_was_terminated_stays(world: Rebuilding) -> None:
    """The row is final and newer than the history, which does not know the end that others have
    heard of."""
    run_id = await world.start("waiting", {"key": "own end"})
    await world.becomes(run_id, "WAITING")
    await _settled(world, run_id)
    await world.client.get_workflow_handle(workflow_id(run_id)).terminate(reason="too late")
    await world.execute(
        "UPDATE workflow_runs SET status = 'SUCCEEDED', seq = seq + 5 WHERE id = :run",
        "UPDATE workflow_run_steps SET status = 'SUCCEEDED', seq = seq + 4 WHERE run_id = :run",
        run=run_id,
    )
    assert (await world.rebuilder.repair(run_id)).found == []


async def test_a_row_with_the_last_word_keeps_it(world: Rebuilding) -> None:
    """One that was closed or made anew from outside tells less, and that is no difference; a state
    that is not so is one, which a repair leaves to people."""
    run_id = await world.start("called")
    await world.becomes(run_id, "SUCCEEDED")
    last = "UPDATE workflow_runs SET seq = :last, started_at = created_at"
    await world.execute(f"{last} WHERE id = :run", run=run_id, last=LAST_SEQ)
    assert (await world.rebuilder.compare(run_id)).found == []
    await world.execute("UPDATE workflow_runs SET status = 'FAILED' WHERE id = :run", run=run_id)
    repaired = await world.rebuilder.repair(run_id)
    assert told(repaired) == {(RUNS, str(run_id), "status")}
    assert repaired.left == repaired.found


async def test_a_run_that_was_retried_is_held_against_its_newest_executions(
    world: Rebuilding,
) -> None:
    """Rows of steps of an earlier epoch have other histories, and are no differences."""
    late = waiting("late")
    late["steps"].insert(0, late["steps"][0] | {"id": "before"})
    late["steps"][1]["config"] = late["steps"][1]["config"] | {"timeout": "PT0.3S"}
    await published_in_spite_of_warnings(world.api, late)
    run_id = await world.start("late", {"key": "retried"})
    await world.tell("REBUILT", "retried")
    await world.becomes(run_id, "FAILED")
    await world.tell("REBUILT", "retried")
    answer = await world.api.post(f"/runs/{run_id}/retry", json={})
    assert answer.status_code == 202, answer.text
    await world.becomes(run_id, "SUCCEEDED")
    assert (await world.rebuilder.compare(run_id)).found == []
    await world.execute(
        "UPDATE workflow_run_steps SET status = 'CANCELED' WHERE run_id = :run", run=run_id
    )
    repaired = await world.rebuilder.repair(run_id)
    assert told(repaired) == {(STEPS, "wait", "status"), (STEPS, "end", "status")}
    assert repaired.left == []


async def test_what_cannot_be_rebuilt_says_why(world: Rebuilding, ended: UUID) -> None:
    """A run that is nowhere, one without history, one of a later engine, and one that another
    release has walked."""
    lost, later = uuid4(), uuid4()
    await world.execute(
        "INSERT INTO workflow_runs (tenant, id, definition_id, version, status, trigger_type,"
        " execution_key, payload, created_by) VALUES ('default', :run, 'waiting', 1, 'FAILED',"
        " 'api', 'lost', 'null', 'test')",
        run=lost,
    )
    await world.execution(later, waiting("waiting"), engine=ENGINE + 1)
    assert await _refusal(world, uuid4()) == "RUN_UNKNOWN"
    assert await _refusal(world, lost) == "HISTORY_GONE"
    assert await _refusal(world, later) == "ENGINE_UNKNOWN"
    with pytest.raises(AlgaError) as raised:
        await world.of_another_release.compare(ended)
    assert raised.value.error_code == "HISTORY_NOT_REPLAYABLE"


async def test_operators_rebuild_with_a_command(world: Rebuilding) -> None:
    """It prints a table of what differs and exits with 1; with --repair it exits with 0."""
    wrong, mended = [await world.start("called") for _ in range(2)]
    for run_id in (wrong, mended):
        await world.becomes(run_id, "SUCCEEDED")
        await world.execute(
            "UPDATE workflow_runs SET status = 'CANCELED' WHERE id = :run", run=run_id
        )
    compared, repaired = await asyncio.gather(
        _command(world, "rebuild", str(wrong)),
        _command(world, "rebuild", str(mended), "--repair"),
    )
    code, printed = compared
    assert code == 1
    assert f"run {wrong} of tenant default" in printed
    [line] = [line for line in printed.splitlines() if line.startswith(RUNS)]
    assert line.split() == [RUNS, str(wrong), "status", '"CANCELED"', '"SUCCEEDED"']
    code, printed = repaired
    assert (code, "They were repaired." in printed) == (0, True)
    assert (await world.rebuilder.compare(mended)).found == []


async def test_what_is_no_id_is_no_run() -> None:
    """Nothing is asked of any server then."""
    with pytest.raises(InputError, match="is not the id of a run"):
        await rebuild("nothing", repair=False)


def test_every_column_is_compared_or_left_out_for_a_reason() -> None:
    """None is both, and none is forgotten."""
    for table in (RUNS, STEPS, WAITS):
        listed = [*KEYS[table], *COMPARED[table], *LEFT_OUT[table]]
        assert sorted(listed) == sorted(column.name for column in metadata.tables[table].columns)
        assert all(LEFT_OUT[table].values())


async def _settled(world: Rebuilding, run_id: UUID) -> None:
    """Return when the history of a run knows of the wait that its rows tell."""

    async def look() -> bool:
        replayed = await world.histories.replay(run_id)
        return any(told.written for told in replayed.batches)

    await eventually(look, "the history says that rows were written")


async def _refusal(world: Rebuilding, run_id: UUID) -> str:
    with pytest.raises(AlgaError) as raised:
        await world.rebuilder.compare(run_id)
    assert str(run_id) in str(raised.value)
    return raised.value.error_code


async def _command(world: Rebuilding, *arguments: str) -> tuple[int, str]:
    command = await Command.start(
        *arguments,
        environ={
            "DATABASE_URL": world.database_url,
            "TEMPORAL_ADDRESS": world.client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": world.client.namespace,
        },
    )
    try:
        return await command.ended(), await command.stdout()
    finally:
        await command.close()


def _but(rows: dict[str, list[dict[str, Any]]], *columns: str) -> dict[str, list[dict[str, Any]]]:
    """Rows without some columns."""
    return {
        table: [{name: row[name] for name in row if name not in columns} for row in found]
        for table, found in rows.items()
    }
