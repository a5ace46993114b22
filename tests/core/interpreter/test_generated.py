"""Definitions of any shape run to an end, and settling anywhere in them changes nothing.

`ALGA_EXAMPLES` says how many are made (300 if it is not set).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import step_rows, wait_rows
from alga_workflows_core.types.states import RunStatus
from tests.core.interpreter.generated import Json, scenarios

EXAMPLES = int(os.environ.get("ALGA_EXAMPLES", "300"))
ENDS = set(RunStatus) - {RunStatus.QUEUED, RunStatus.STARTING}


def simulated(scenario: tuple[Json, Json], **how: Any) -> Simulation:
    """The scenario, run in the simulator."""
    document, script = scenario
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
        "ended at": simulation.ended_at,
        "steps": step_rows(simulation.facts),
        "waits": wait_rows(simulation.facts),
        "calls": simulation.calls,
        "facts": simulation.facts,
    }


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scenario=scenarios(), seed=st.integers(0, 2**32))
def test_settling_anywhere_changes_nothing(scenario: tuple[Json, Json], seed: int) -> None:
    """Status, result, variables, rows, waits, calls, facts and times are the same, whether a run
    stays in one execution or goes on in another one at every, or at some, of its safe points.
    """
    whole = simulated(scenario)
    assert whole.status in ENDS
    expected = told(whole)
    for percent in (60, 25, 5):
        simulation = simulated(scenario, settles=chosen(seed, percent))
        assert told(simulation) == expected


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scenario=scenarios(), seed=st.integers(0, 2**32))
def test_settling_never_breaks_a_run(scenario: tuple[Json, Json], seed: int) -> None:
    """A run that settles although actions are under way, which holds up its other branches, may go
    another way; it ends or waits all the same, and no step is begun twice.
    """
    simulation = simulated(scenario, settles=chosen(seed, 30), patient=False)
    assert simulation.status in ENDS
    paths = [row.path for row in step_rows(simulation.facts)]
    assert len(paths) == len(set(paths))
    keys = [row.key for row in wait_rows(simulation.facts)]
    assert len(keys) == len(set(keys))
