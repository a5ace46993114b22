"""The scenario table holds, and settling anywhere changes nothing."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.acceptance.cases import Case, all_cases, simulate, told

CASES = all_cases()
ALWAYS = ("status", "steps")
EVERYTHING = ("status", "result", "variables", "at", "steps", "waits", "calls", "outputs")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case_goes_as_expected(case: Case) -> None:
    """Status, result, error, rows of steps and waits, and calls in order."""
    assert set(ALWAYS) <= set(case.expected)
    assert told(simulate(case), case.expected) == case.expected


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_settling_changes_nothing(case: Case) -> None:
    """At each single safe point, and at 20 random sets of them, the run goes on elsewhere."""
    whole = simulate(case)
    everything: dict[str, Any] = dict.fromkeys(EVERYTHING)
    expected = told(whole, everything)
    chance = Random(case.name)  # noqa: S311 - repeatable
    sets = [{number} for number in range(1, whole.safe_points + 1)]
    sets += [
        {number for number in range(1, 4 * whole.safe_points + 4) if chance.random() < 0.3}
        for _ in range(20)
    ]
    for points in sets:
        simulation = simulate(case, settles=points.__contains__)
        assert told(simulation, everything) == expected, sorted(points)
        assert simulation.error == whole.error
