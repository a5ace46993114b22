"""A short action that takes too long or answers too much fails its step, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.durable.definitions import assign, call, document, expr
from tests.durable.world import World


def guarded(identity: str, step: dict[str, Any]) -> dict[str, Any]:
    """The code and the category of the error with which `step` fails."""
    attempt = {
        "id": "guard",
        "type": "control.tryCatch",
        "try": [step],
        "catch": [assign("caught", caught=True)],
        "captureErrorAs": "vars.error",
    }
    result = expr("{'code': vars.error.code, 'category': vars.error.category}")
    return document(identity, attempt, result=result)


ONCE = {"maxAttempts": 1, "backoffMs": 10}


@pytest.mark.parametrize("size", [300 * 1024, 3 * 1024 * 1024])
async def test_an_output_over_its_size(world: World, size: int) -> None:
    """Over what a short action may answer, and over what Temporal takes at all."""
    step = {**call("large", "tests.large", {"size": size}), "retry": ONCE}
    run_id, result = await world.ran(guarded("large", step))
    assert result == {"code": "SIZE_LIMIT", "category": "Limit"}
    (execution,) = await world.executions(run_id)
    assert execution.kinds["WORKFLOW_TASK_FAILED"] == 0


async def test_a_short_action_over_its_time(world: World) -> None:
    """Its time-out is a typed error that a definition can catch."""
    step = {**call("late", "tests.late"), "retry": ONCE}
    run_id, result = await world.ran(guarded("late", step))
    assert result == {"code": "ACTION_TIMEOUT", "category": "Timeout"}
    (execution,) = await world.executions(run_id)
    assert execution.kinds["WORKFLOW_TASK_TIMED_OUT"] == 0
