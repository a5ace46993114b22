"""What ends a wait is told to the run by its key, from outside."""

from __future__ import annotations

from datetime import timedelta

from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import JsonObject
from tests.core.interpreter.simulated import definition, step
from tests.core.interpreter.world import BEGAN, expression, give


def test_the_first_that_comes_ends_the_wait() -> None:
    """A second one changes nothing and is told so; so is one for a wait that nobody has opened, or
    that is over.
    """
    news: JsonObject = {"eventName": "NEWS", "timeout": "PT1H"}
    news["assign"] = {"vars.n": expression("event.payload")}
    clock = VirtualClock(BEGAN)
    world = SimulatedWorld(Script(), clock)
    run = Run(
        definition(step("wait", "event.wait", config=news), give(expression("vars.n"))),
        payload=None,
        system={},
        effects=world,
    )
    taken: list[bool] = []

    def resolve(key: str, number: int) -> None:
        taken.append(run.waits.resolve(key, {"match": 0, "event": {"payload": number}}))

    def come() -> None:
        resolve("other#1", 1)
        resolve("wait#1", 2)
        resolve("wait#1", 3)

    clock.plan(BEGAN + timedelta(seconds=5), come)
    finished = clock.run(run.run())
    assert isinstance(finished, Finished)
    assert (finished.result, clock.now) == (2, BEGAN + timedelta(seconds=5))
    resolve("wait#1", 4)
    assert taken == [False, True, False, False]
