"""How much a run carries: what is counted is never less than what is written down, and never more
than Temporal takes, whatever comes and wherever the run settles.

`ALGA_EXAMPLES` says how many definitions are made (300 if it is not set).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.interpreter import load
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.weighing import state_weight
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import step_rows, wait_rows
from alga_workflows_core.types.json import JsonObject
from tests.core.interpreter.generated import Json, scenarios

EXAMPLES = int(os.environ.get("ALGA_EXAMPLES", "300"))

CARRIED = 60_000
PLACED = 70_000
"""The limits, so near that what is generated meets them."""

LARGE = ("x" * 9_000, "é" * 7_000, [0.00001] * 1_000, {"a": ["y" * 5_000, {"b": '"\\\n' * 900}]})


def enlarged(value: Any, chance: Random) -> Any:
    """A document, or a script, in which some literals have become large."""
    if isinstance(value, dict):
        return {name: _member(name, each, chance) for name, each in value.items()}
    if isinstance(value, list):
        return [enlarged(each, chance) for each in value]
    return value


_DATA = frozenset({"n", "x", "a", "payload", "value", "result", "details"})


def _member(name: str, value: Any, chance: Random) -> Any:
    literal = name in _DATA or name.startswith("vars.")
    if literal and not isinstance(value, list) and "$expr" not in str(value):
        return chance.choice(LARGE) if chance.random() < 0.4 else enlarged(value, chance)
    return enlarged(value, chance)


class Watched(Run):
    """A run that is weighed whenever it has settled."""

    seen: ClassVar[list[tuple[int, int, int]]] = []

    def settled_state(self) -> JsonObject:
        state = super().settled_state()
        # The payload goes with the state, in the same input.
        payload = self.scope.payload
        written = len(to_json({"state": state, "payload": payload}))
        again = encoded_size(payload) + self.scope.variables.weight + state_weight(state)
        self.seen.append((written, self.load.size, again))
        return state


@pytest.fixture(scope="module")
def tight() -> Any:
    """Runs that may carry little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "MAX_CARRIED_BYTES", CARRIED)
        patch.setattr(load, "MAX_PLACED_BYTES", PLACED)
        patch.setattr("alga_workflows_core.simulation.simulate.Run", Watched)
        yield


def simulated(document: Json, script: Json, **how: Any) -> Simulation:
    """The scenario, run in the simulator."""
    return Simulator().simulate(parse_definition(document), Script.model_validate(script), **how)


def chosen(seed: int, percent: int) -> Callable[[int], bool]:
    """Whether to settle at a safe point: at so many of a hundred, by chance."""
    chance = Random(seed)  # noqa: S311 - repeatable

    def settles(_number: int) -> bool:
        return chance.randrange(100) < percent

    return settles


def told(simulation: Simulation) -> dict[str, Any]:
    """All that a simulation says, but for how often it settled."""
    return {
        "status": simulation.status,
        "result": simulation.result,
        "error": simulation.error,
        "variables": simulation.variables,
        "steps": step_rows(simulation.facts),
        "waits": wait_rows(simulation.facts),
        "calls": simulation.calls,
    }


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(scenario=scenarios(), seed=st.integers(0, 2**32))
@pytest.mark.usefixtures("tight")
def test_what_is_carried_is_bounded(scenario: tuple[Json, Json], seed: int) -> None:
    """At every settling: what is written <= what is counted <= the limit, and the same is counted
    from the state alone; and where a run settles changes nothing of what becomes of it.
    """
    chance = Random(seed)  # noqa: S311 - repeatable
    document, script = (json.loads(json.dumps(enlarged(each, chance))) for each in scenario)
    whole = told(simulated(document, script))
    fixed = parse_definition(document).encoded_size()
    for percent in (60, 20):
        Watched.seen = []
        assert told(simulated(document, script, settles=chosen(seed, percent))) == whole
        for written, counted, again in Watched.seen:
            assert written <= counted - fixed
            assert counted <= max(PLACED, fixed + 40_000)
            assert again + fixed == counted
