"""What a run says of itself while it is under way: its steps and its open waits."""

from __future__ import annotations

import json
from datetime import timedelta

from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import START
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import JsonObject
from tests.core.interpreter.simulated import definition, nap, step

WAITING = [
    step("wait", "event.wait", config={"eventName": "PAID"}),
    step("last", "state.set", config={"state": "On"}),
]
LOOP = step(
    "each",
    "control.forEach",
    items=[1, 2],
    itemVar="item",
    concurrency=2,
    body=[nap("nap", "PT1H")],
)
DEFINITION = definition(
    step(
        "both",
        "control.parallel",
        join="all",
        branches=[{"id": "left", "steps": WAITING}, {"id": "right", "steps": [LOOP]}],
    )
)
KEYS = ["both/left/wait#1", "both/right/each[0]/nap#1", "both/right/each[1]/nap#1"]
STEPS = [key.removesuffix("#1") for key in KEYS]


def test_a_run_tells_its_innermost_steps_and_its_open_waits() -> None:
    """Not what is around them, nor what has been resolved; the keys even before a run that goes on
    has come back to its steps.
    """
    seen: list[tuple[list[str], list[str], list[str]]] = []
    clock = VirtualClock(START)
    world = SimulatedWorld(Script(), clock)

    def look() -> None:
        run = world.run
        assert run is not None
        waits = run.waits
        seen.append((list(run.steps), [wait.key for wait in waits.open], list(waits.open_keys)))

    def begin(state: JsonObject | None = None) -> Run:
        run = Run(DEFINITION, payload=None, system={}, effects=world, state=state)
        world.run = run
        look()
        return run

    first = begin()
    clock.plan(START + timedelta(minutes=1), look)
    clock.plan(START + timedelta(minutes=2), first.settle)

    async def both() -> object:
        assert isinstance(await first.run(), Settled)
        return await begin(json.loads(json.dumps(first.settled_state()))).run()

    def resolve() -> None:
        assert world.run is not None
        assert world.run.waits.resolve(KEYS[0], {"match": 0, "event": {}})
        look()

    clock.plan(START + timedelta(minutes=3), look)
    clock.plan(START + timedelta(minutes=4), resolve)
    clock.plan(START + timedelta(minutes=5), look)
    clock.run(both())
    look()
    assert seen == [
        ([], [], []),
        (STEPS, KEYS, KEYS),
        ([], [], KEYS),
        (STEPS, KEYS, KEYS),
        (STEPS, KEYS[1:], KEYS[1:]),
        (STEPS[1:], KEYS[1:], KEYS[1:]),
        ([], [], []),
    ]
