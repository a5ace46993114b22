"""Long runs go on in new executions, each of them short, and lose nothing on the way.

What one execution may hold is cut to a tenth here, and so are the runs; `scripts/chaos` has them in
full.
"""

from __future__ import annotations

from tests.durable.conftest import Serve
from tests.durable.definitions import acting_turns, pure_result, pure_steps
from tests.durable.workflows import ShortRunWorkflow
from tests.durable.world import check_executions

STEPS = 10_000
TURNS = 200


async def test_a_long_run_of_pure_steps(serve: Serve) -> None:
    """Ten thousand of them: several executions, all rows, and a replay decides the same."""
    async with serve(ShortRunWorkflow) as world:
        run_id, result = await world.ran(pure_steps("pure", STEPS))
        assert result == pure_result(STEPS)
        steps = await world.steps(run_id)
        executions = await world.executions(run_id)
    # The beginning, the loop and the end are steps too.
    assert len({step["path"] for step in steps}) == len(steps) == STEPS + 3
    assert {step["status"] for step in steps} == {"SUCCEEDED"}
    assert len(executions) > 2
    await check_executions(executions, ShortRunWorkflow)


async def test_a_long_loop_of_actions(serve: Serve) -> None:
    """Two hundred turns of a local and a remote action: several executions, each step once."""
    async with serve(ShortRunWorkflow) as world:
        run_id, result = await world.ran(acting_turns("acting", TURNS))
        assert result == sum(range(1, TURNS + 1))
        steps = await world.steps(run_id)
        executions = await world.executions(run_id)
    assert len({step["path"] for step in steps}) == len(steps) == 4 * TURNS + 3
    assert {step["status"] for step in steps} == {"SUCCEEDED"}
    assert len(executions) > 5
    assert max(execution.events for execution in executions) < 200
    await check_executions(executions, ShortRunWorkflow)
