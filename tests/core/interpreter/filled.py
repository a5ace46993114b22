"""Runs that begin with so little room that the bytes which are left can be told."""

from __future__ import annotations

from random import Random
from typing import Any

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.interpreter.sizes import MAX_CARRIED_BYTES
from alga_workflows_core.interpreter.variables import Variables
from alga_workflows_core.interpreter.weighing import STATE_ROOM, step_room
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import StepRow, step_rows, wait_rows
from alga_workflows_core.types.json import Json, JsonObject
from tests.core.interpreter.simulated import definition, step
from tests.core.interpreter.world import assign, expression


def on(identity: str = "on") -> JsonObject:
    """A step that needs no room for data."""
    return step(identity, "state.set", config={"state": "On"})


def part(length: int) -> JsonObject:
    """An expression that gives so many characters."""
    return expression(f"$substring(payload, 0, {length})")


def caught(*steps: JsonObject) -> JsonObject:
    """The steps in a try that catches everything."""
    return step("try", "control.tryCatch", try_=list(steps), catch=[on("caught")])


def payload_of(document: Definition, left: int) -> str:
    """The payload with which a run of `document` begins with so many bytes left for data."""
    others = document.encoded_size() + Variables().weight + STATE_ROOM + len('""')
    return "x" * (MAX_CARRIED_BYTES - others - left)


def filled(*steps: JsonObject, left: int, **around: Any) -> Simulation:
    """How the steps go with so many bytes left for data; the same wherever the run settles."""
    document = definition(*steps)
    script = Script.model_validate({"payload": payload_of(document, left), **around})
    whole = Simulator().simulate(document, script)
    chance = Random(7)  # noqa: S311 - repeatable
    for share in (1, 0.6, 0.3, 0.1):
        # Not for ever: where every safe point settles, no step begins.
        numbers = range(1, whole.safe_points + 1)
        points = {number for number in numbers if chance.random() < share}
        other = Simulator().simulate(document, script, settles=points.__contains__)
        assert (other.status, other.result, other.error) == (
            whole.status,
            whole.result,
            whole.error,
        )
        assert other.facts == whole.facts
    return whole


def filled_and_caught(*steps: JsonObject, left: int, **around: Any) -> Simulation:
    """The same in a try; behind its catch there is as much room as before, to the byte."""
    fits = left - step_room("transform.assign") - len('"kept": ""')
    more = filled(caught(*steps), assign("last", kept=part(fits + 1)), left=left, **around)
    assert more.error is not None
    assert (more.error.code, more.error.step) == ("SIZE_LIMIT", "last")
    whole = filled(caught(*steps), assign("last", kept=part(fits)), left=left, **around)
    assert whole.status == "SUCCEEDED"
    return whole


def row(simulation: Simulation, path: str) -> StepRow:
    """The step at a path."""
    (found,) = [each for each in step_rows(simulation.facts) if each.path == path]
    return found


def error_at(simulation: Simulation, path: str) -> JsonObject:
    """How the step at a path ended, or what it was cancelled for."""
    found = row(simulation, path).error
    assert found is not None
    return found


def told(simulation: Simulation) -> tuple[list[str], list[str]]:
    """Its steps and its waits, with how they ended."""
    steps = [f"{each.path} {each.status}" for each in step_rows(simulation.facts)]
    return steps, [f"{each.key} {each.status}" for each in wait_rows(simulation.facts)]


def parallel(identity: str, *branches: list[JsonObject], join: str = "all") -> JsonObject:
    """A `control.parallel`, whose branches are `b0`, `b1`, …"""
    listed: list[Json] = [{"id": f"b{n}", "steps": steps} for n, steps in enumerate(branches)]
    return step(identity, "control.parallel", join=join, branches=listed)
