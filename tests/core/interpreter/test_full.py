"""Runs that are full: what cannot be carried fails its step, and nothing else."""

from __future__ import annotations

import pytest

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import shortened
from alga_workflows_core.interpreter.sizes import MAX_CARRIED_BYTES, encoded_size
from alga_workflows_core.interpreter.weighing import ERROR_ROOM
from alga_workflows_core.types.json import Json, JsonObject
from tests.core.interpreter.simulated import simulated, step
from tests.core.interpreter.world import assign, call, expression, give

LARGE = "x" * (MAX_CARRIED_BYTES // 2)
KEPT = "y" * (MAX_CARRIED_BYTES // 3)


def caught(*steps: JsonObject) -> JsonObject:
    """The steps in a try, whose error is told."""
    told = give(expression("error.[code, category, step]"))
    return step("try", "control.tryCatch", try_=list(steps), catch=[told])


WAIT = step("wait", "event.wait", config={"eventName": "PAID", "assign": {"vars.e": 1}})
TASK = step(
    "wait",
    "human.task",
    config={"taskType": "ask", "title": "Ask", "form": {}, "candidateGroups": ["people"]},
)
CHILD = step("wait", "control.callWorkflow", workflowId="good")


@pytest.mark.parametrize(
    ("waiting", "script"),
    [
        (WAIT, {"events": [{"at": "PT1S", "name": "PAID", "payload": LARGE}]}),
        (TASK, {"tasks": [{"step": "wait", "after": "PT1S", "payload": LARGE}]}),
        (CHILD, {"children": [{"workflow": "good", "result": LARGE, "takes": "PT1S"}]}),
    ],
    ids=["event", "task", "child"],
)
def test_what_comes_and_is_too_large_fails_the_step_that_waits(
    waiting: JsonObject, script: JsonObject
) -> None:
    """It can be caught, and the run has room again."""
    keep = assign("keep", a=expression("payload"))
    fits = simulated(keep, caught(waiting), payload=LARGE[: len(LARGE) // 4], **script)
    assert (fits.status, fits.result, fits.error) == ("SUCCEEDED", None, None)
    full = simulated(keep, caught(waiting), payload=KEPT, **script)
    assert full.result == ["SIZE_LIMIT", "Limit", "try/wait"]


def test_an_error_can_always_be_kept() -> None:
    """Whatever it says, shortened it has room."""
    for text in ("x", "é", "\x00"):
        error = ErrorInfo(
            code=text * 900,
            category=Category.ACTION,
            message=text * 9000,
            step=text * 900,
            details={"a": text},
            cause=ErrorInfo(code="A", category=Category.CHILD, message=text * 900),
        )
        assert encoded_size(shortened(error).as_json()) <= ERROR_ROOM - 32


def test_a_call_whose_input_cannot_be_carried_fails() -> None:
    """Twice what half fills the run is too much; behind the catch there is room again."""
    given: Json = {"a": expression("payload"), "b": expression("payload")}
    whole = simulated(caught(call("call", "echo", given)), payload=KEPT + KEPT[: len(KEPT) // 4])
    assert whole.result == ["SIZE_LIMIT", "Limit", "try/call"]
