"""A run that is cancelled ends soon, cleans up and undoes, and its rows say so."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import WaitStatus
from tests.durable.definitions import call, document, wait
from tests.durable.world import World
from tests.services.command import eventually

MOST_SECONDS = 5.0


def three_at_once(identity: str, folder: str) -> dict[str, Any]:
    """Two long actions, one of which does not stop when it is asked to, and a long wait; in a saga
    with something to undo, and with a clean-up."""
    given = {"folder": folder}
    undo = {"actionId": "tests.mark", "version": 1, "inputMapping": given}
    branches = [
        {"id": "one", "steps": [call("patient", "tests.patient", given)]},
        {"id": "two", "steps": [call("stubborn", "tests.stubborn", given)]},
        {"id": "three", "steps": [call("patient2", "tests.patient", given)]},
        {"id": "four", "steps": [wait("wait", 600_000)]},
    ]
    guarded = {
        "id": "guard",
        "type": "control.tryCatch",
        "try": [{"id": "split", "type": "control.parallel", "branches": branches}],
        "finally": [call("clean", "tests.mark", given)],
    }
    reserve = call("reserve", "tests.mark", given, compensate=undo)
    return document(identity, {"id": "saga", "type": "control.saga", "steps": [reserve, guarded]})


async def test_cancel_of_three_long_actions(world: World, storage: Storage, tmp_path: Path) -> None:
    """Terminal within five seconds, though one of them goes on for eight; `finally` and the
    compensation are done; no row of a step or a wait is left open."""
    run_id = await world.start(three_at_once("three", str(tmp_path)))

    def written() -> set[str]:
        return {path.name for path in tmp_path.iterdir()}

    async def all_run() -> bool:
        waiting = await world.steps(run_id)
        return len(written()) == 4 and any(step["stepId"] == "wait" for step in waiting)

    await eventually(all_run, "three actions run beside a wait")
    began = perf_counter()
    await world.handle(run_id).cancel()
    row = await world.ended(run_id, seconds=MOST_SECONDS)
    assert perf_counter() - began < MOST_SECONDS
    assert (row["status"], row["error"]["code"]) == ("CANCELED", "CANCELED")
    described = await world.handle(run_id).describe()
    assert described.status is WorkflowExecutionStatus.CANCELED
    statuses = {step["stepId"]: step["status"] for step in await world.steps(run_id)}
    assert statuses == {
        "saga": "CANCELED",
        "reserve": "SUCCEEDED",
        "guard": "CANCELED",
        "split": "CANCELED",
        "patient": "CANCELED",
        "patient2": "CANCELED",
        "stubborn": "CANCELED",
        "wait": "CANCELED",
        "clean": "SUCCEEDED",
    }
    assert len(written()) == 6
    assert {"saga+guard+clean", "saga~undo+saga+reserve"} <= written()
    async with storage.unit_of_work("default") as work:
        waits = await work.waits.list(run_id)
    assert [each.status for each in waits] == [WaitStatus.CANCELED]
