"""A run may go on in a new execution at any step, whatever else it is in the middle of."""

from __future__ import annotations

from pathlib import Path

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import WaitStatus
from tests.durable.conftest import Serve
from tests.durable.definitions import (
    NESTED_MARKS,
    NESTED_RESULT,
    assign,
    document,
    expr,
    nested_loops,
    turns,
)
from tests.durable.workflows import CutRunWorkflow
from tests.durable.world import check_executions

HEARD = 25


async def test_cut_inside_two_concurrent_loops_with_open_timers(
    serve: Serve, storage: Storage, tmp_path: Path
) -> None:
    """Every few steps: the right result, each effect once, no step twice, no wait left open."""
    async with serve(CutRunWorkflow) as world:
        run_id, result = await world.ran(nested_loops("nested", str(tmp_path)))
        steps = await world.steps(run_id)
        executions = await world.executions(run_id)
    assert result == NESTED_RESULT
    assert written(tmp_path) == ["1\n"] * NESTED_MARKS
    assert len(executions) >= HEARD // 20 + 10
    assert {step["status"] for step in steps if step["stepId"] != "throw"} == {"SUCCEEDED"}
    assert len({step["path"] for step in steps}) == len(steps)
    async with storage.unit_of_work("default") as work:
        waits = await work.waits.list(run_id)
    assert [wait.status for wait in waits] == [WaitStatus.RESOLVED] * 12
    await check_executions(executions, CutRunWorkflow)


def written(folder: Path) -> list[str]:
    """What each call has written."""
    return [path.read_text() for path in folder.iterdir()]


async def test_events_reach_a_run_whichever_execution_it_is_in(
    serve: Serve, storage: Storage
) -> None:
    """Told while it goes on in new executions: each wait has its own, in their order."""
    hear = {
        "id": "hear",
        "type": "event.wait",
        "config": {
            "eventName": "HEARD",
            "timeout": "PT5M",
            "assign": {"vars.heard": expr("$append(vars.heard, event.payload.n)")},
        },
    }
    hearing = document(
        "hearing", assign("begin", n=0, heard=[]), turns(HEARD, hear), result=expr("vars.heard")
    )
    async with serve(CutRunWorkflow) as world:
        run_id = await world.start(hearing)
        for n in range(HEARD):
            event = {"specversion": "1.0", "source": "test", "type": "HEARD", "id": f"heard-{n}"}
            answer = await world.api.post("/events", json=event | {"data": {"n": n}})
            assert answer.status_code == 202, answer.text
        ended = await world.ended(run_id)
        executions = await world.executions(run_id)
    assert ended["result"] == list(range(HEARD))
    # By chance, after 3 to 20 steps each.
    assert len(executions) >= HEARD // 20 + 1
    async with storage.unit_of_work("default") as work:
        waits = await work.waits.list(run_id)
    assert [wait.status for wait in waits] == [WaitStatus.RESOLVED] * HEARD
