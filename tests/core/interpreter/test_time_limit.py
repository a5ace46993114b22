"""An expression that takes too long ends the run at once, wherever it stands.

The table has one case of it (`errors/time-limit-ends-the-run`), with the limit as it is; here the
limit is shorter, so that each place has its own.
"""

from __future__ import annotations

import pytest

from alga_workflows_core.expressions import limits
from alga_workflows_core.simulation.trace import step_rows
from alga_workflows_core.types.json import Json, JsonObject
from tests.core.interpreter.simulated import definition, nap, simulated, step
from tests.core.interpreter.world import assign, call, expression

SLOW = expression("($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(40))")
MAIL = call("mail", "mail", {})
BAD = step("bad", "control.throw", code="BAD")
NEVER = nap("never", "PT1H")
COUNT = assign("count", n=SLOW)


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other expression here takes a thousandth of it."""
    monkeypatch.setattr(limits, "TIMEOUT_MS", 50)


def guarded(*attempt: JsonObject, **fields: Json) -> JsonObject:
    """A `control.tryCatch`."""
    return step("guard", "control.tryCatch", try_=list(attempt), **fields)


def saga(*steps: JsonObject, **fields: Json) -> JsonObject:
    """A `control.saga` whose first call could be undone."""
    paid = call("paid", "pay", {})
    paid["config"]["compensate"] = {"actionId": "undo", "version": 1}
    return step("trip", "control.saga", steps=[paid, *steps], **fields)


def each(*body: JsonObject, **fields: Json) -> JsonObject:
    """A `control.forEach` of two."""
    return step("each", "control.forEach", items=[1, 2], itemVar="n", body=list(body), **fields)


def parallel(join: str, *blocks: JsonObject) -> JsonObject:
    """A `control.parallel` with a step in each branch."""
    branches: list[Json] = [
        {"id": f"b{number}", "steps": [block]} for number, block in enumerate(blocks, 1)
    ]
    return step("all", "control.parallel", branches=branches, join=join)


def counting(policy: str) -> JsonObject:
    """A call whose input takes too long."""
    return {**call("count", "mail", {"n": SLOW}), "onError": {"policy": policy}}


@pytest.mark.parametrize(
    "place",
    [
        guarded(COUNT, catch=[MAIL]),
        guarded(COUNT, catch=[MAIL], catchOn=["EXPRESSION_TIMEOUT", "Expression"]),
        guarded(COUNT, finally_=[MAIL]),
        guarded(BAD, catch=[COUNT], finally_=[MAIL]),
        guarded(BAD, finally_=[COUNT, MAIL]),
        guarded(nap("nap", "PT1S"), finally_=[COUNT, MAIL]),
        guarded(parallel("all", guarded(NEVER, finally_=[MAIL]), COUNT), finally_=[MAIL]),
        counting("continue"),
        counting("park"),
        each(COUNT, onItemError="continue"),
        each(COUNT, onItemError="collect"),
        each(COUNT, onItemError="continue", concurrency=2),
        each(COUNT, onItemError="collect", concurrency=2),
        each(MAIL | {"id": "x"}, onItemError="collect", output=SLOW, saveAs="vars.all"),
        parallel("settled", guarded(NEVER, finally_=[MAIL]), COUNT),
        parallel("any", NEVER, COUNT),
        parallel("settled", saga(NEVER), COUNT),
        saga(COUNT),
        saga(COUNT, onFailure="park"),
        step("check", "control.if", condition=SLOW, then=[MAIL]),
        step("turns", "control.while", condition=SLOW, maxIterations=2, body=[MAIL]),
    ],
)
def test_nothing_goes_on(place: JsonObject) -> None:
    """No clean-up, no undo, no operator: which of them would have begun is left to chance."""
    simulation = simulated(place, MAIL | {"id": "behind"})
    assert simulation.status == "FAILED"
    assert simulation.error is not None
    assert (simulation.error.code, simulation.error.category.value) == (
        "EXPRESSION_TIMEOUT",
        "Expression",
    )
    assert not [row for row in step_rows(simulation.facts) if row.step_id in ("mail", "behind")]
    assert {made.action_id for made in simulation.calls} <= {"pay", "mail"}
    assert not [row for row in step_rows(simulation.facts) if row.status == "RUNNING"]


def test_a_called_definition_ends_at_once_and_the_caller_does_not() -> None:
    """Its failure is an answer, the same in every replay, so that it may be caught."""
    child = definition(guarded(COUNT, catch=[MAIL]), identity="child")
    simulation = simulated(
        guarded(
            step("ask", "control.callWorkflow", workflowId="child"),
            catch=[assign("keep", code=expression("error.code"))],
        ),
        called={"child": child},
    )
    assert (simulation.status, simulation.variables) == ("SUCCEEDED", {"code": "CHILD_FAILED"})
