"""What runs cost in the history, counted from real ones."""

from __future__ import annotations

from typing import Any

from tests.durable.definitions import assign, call, document, expr, turns, wait
from tests.durable.world import World

RUN = 8
"""At most so many events besides those of its steps."""


async def events(world: World, identity: str, *steps: dict[str, Any]) -> int:
    """How many events a run of these steps has."""
    run_id, _ = await world.ran(document(identity, *steps))
    (execution,) = await world.executions(run_id)
    return execution.events


async def test_a_run_of_control_and_pure_steps_costs_no_events_for_them(world: World) -> None:
    """A few more of them cost nothing; of hundreds, the rows are written now and then."""
    body = [
        call("pure", "tests.pure", {"n": expr("vars.n")}),
        {"id": "if", "type": "control.if", "condition": True, "then": [assign("one", x=1)]},
    ]
    begin = assign("begin", n=0)
    none = await events(world, "none", begin)
    assert none <= RUN
    assert await events(world, "few", begin, turns(5, *body)) == none
    hundreds = await events(world, "hundreds", begin, turns(200, *body))
    assert (hundreds - none) / 800 < 0.02


async def test_a_local_action_costs_one_event(world: World) -> None:
    """Those of a short chain, which is one that no task has to end in between."""
    none = await events(world, "none", assign("begin", n=0))
    chain = [call(f"near{index}", "tests.near") for index in range(10)]
    assert await events(world, "chain", assign("begin", n=0), *chain) - none <= 10


async def test_local_actions_of_a_long_chain_cost_one_and_a_half(world: World) -> None:
    """Every eleventh goes through the queue."""
    steps = [assign("begin", n=0), turns(60, call("near", "tests.near"))]
    assert await events(world, "long", *steps) - RUN <= 60 * 1.5


async def test_a_remote_action_costs_six_events(world: World) -> None:
    """Scheduled, started, completed, and the workflow task behind it."""
    none = await events(world, "none", assign("begin", n=0))
    chain = [call(f"far{index}", "tests.far") for index in range(10)]
    assert await events(world, "far", assign("begin", n=0), *chain) - none <= 60


async def test_attempts_with_short_pauses_cost_nothing(world: World) -> None:
    """Temporal makes them, whether the document or the action says how many."""
    once = await events(world, "once", call("flaky", "tests.flaky", {"n": 0}))
    policy = {"maxAttempts": 4, "backoffMs": 20, "jitter": False, "retryOn": ["BUSY"]}
    thrice = call("flaky", "tests.flaky", {"n": 3}) | {"retry": policy}
    assert await events(world, "thrice", thrice) == once
    assert await events(world, "contract", call("flaky", "tests.flaky", {"n": 1})) == once


async def test_a_time_wait_costs_six_events(world: World) -> None:
    """Its row, the timer and the workflow task behind it."""
    none = await events(world, "none", assign("begin", n=0))
    waits = [wait(f"wait{index}", 20) for index in range(5)]
    assert await events(world, "waits", assign("begin", n=0), *waits) - none <= 30
