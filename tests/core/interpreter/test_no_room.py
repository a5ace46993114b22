"""Runs that have no room left: what they do instead, that it is the same wherever they settle, and
that behind a catch they carry exactly as much as before.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from alga_workflows_core.interpreter.facts import CallUndone
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.weighing import LANE_ROOM, step_room
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import START, Simulator
from alga_workflows_core.simulation.trace import step_rows
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import Json, JsonObject
from tests.core.interpreter.filled import (
    caught,
    error_at,
    filled,
    filled_and_caught,
    on,
    parallel,
    part,
    payload_of,
    row,
    told,
)
from tests.core.interpreter.simulated import definition, nap, step
from tests.core.interpreter.world import expression, give

WAIT = step("wait", "event.wait", config={"eventName": "PAID"})
NO_INPUT = expression("$error('There is no input.')")
SHORT = 80


def innermost(error: JsonObject) -> JsonObject:
    """What an error has come of in the end."""
    return innermost(error["cause"]) if error.get("cause") else error


def crowd() -> JsonObject:
    """So many calls to be parked that their places alone are more than a run may have."""
    calling = step(
        "call",
        "action.call",
        config={"actionId": "pay", "version": 1, "inputMapping": {"a": NO_INPUT}},
        onError={"policy": "park"},
    )
    cleaning = step("clean", "control.tryCatch", try_=[calling], finally_=[on()])
    return parallel("all", *([[cleaning]] * 100))


def test_a_step_that_has_no_room_to_park_fails() -> None:
    """With what it would have been parked for as the cause. It has opened no wait, and those that
    are parked already are given up and cleaned up.

    Whether it is the step, what people would see, or its wait that has no room depends on what the
    run carries besides.
    """
    causes: set[str] = set()
    for left in range(2_400, 5_400, 150):
        document = definition(caught(crowd()))
        script = Script(payload=payload_of(document, left))
        simulation = Simulator().simulate(document, script)
        error = error_at(simulation, "try/all")
        assert (error["code"], simulation.status) == ("SIZE_LIMIT", "SUCCEEDED")
        causes.add(innermost(error)["code"])
        steps, waits = told(simulation)
        assert waits
        assert not any(wait.startswith(f"{error['step']}~") for wait in waits)
        assert all(wait.endswith(" CANCELED") for wait in waits)
        assert len([each for each in steps if each.endswith("/on SUCCEEDED")]) >= len(waits)
    assert causes == {"SIZE_LIMIT", "EXPRESSION_FAILED"}
    filled_and_caught(crowd(), left=2_400)


@pytest.mark.parametrize(("left", "details"), [(13_000, False), (40_000, True)])
def test_a_cancelled_branch_cleans_up_whatever_it_was_cancelled_for(
    left: int, *, details: bool
) -> None:
    """Its row says it shortened if there is no room for two; the run fails with all of it."""
    text = expression("$substring(payload, 0, 8000)")
    bad = step("bad", "control.throw", code="BAD", details={"text": text})
    cleaning = step("clean", "control.tryCatch", try_=[WAIT], finally_=[on()])
    simulation = filled(parallel("all", [cleaning], [nap("nap", "PT1S"), bad]), left=left)
    assert row(simulation, "all/b0/clean/on").status == "SUCCEEDED"
    reason = error_at(simulation, "all/b0/clean")
    assert (reason["code"], bool(reason.get("details"))) == ("BAD", details)
    assert simulation.error is not None
    assert simulation.error.code == "BAD"
    assert simulation.error.details == {"text": "x" * 8000}


@pytest.mark.parametrize(("room", "length"), [(700, SHORT), (5_000, 1000)])
def test_a_full_run_that_is_cancelled_cleans_up(room: int, length: int) -> None:
    """It is CANCELED for the reason that was given, of which the beginning always has room."""
    document = definition(step("clean", "control.tryCatch", try_=[WAIT], finally_=[on()]))
    payload = payload_of(document, step_room("control.tryCatch") + room)
    clock = VirtualClock(START)
    world = SimulatedWorld(Script(payload=payload), clock)
    run = Run(
        document,
        payload=payload,
        system={},
        effects=world,
        fixed_bytes=document.encoded_size(),
    )
    world.run = run
    clock.plan(START + timedelta(seconds=1), lambda: run.cancel("é" * 2000))
    finished = clock.run(run.run())
    assert isinstance(finished, Finished)
    assert finished.error is not None
    assert (finished.status, finished.error.code) == ("CANCELED", "CANCELED")
    assert finished.error.message == "é" * length
    assert [each.status for each in step_rows(world.facts)] == [
        "CANCELED",
        "CANCELED",
        "SUCCEEDED",
    ]


def test_a_return_that_cannot_wait_for_the_clean_up_fails() -> None:
    """With SIZE_LIMIT, and what was to be cleaned up is."""
    ending = give(part(20_000))
    returning = step("inner", "control.tryCatch", try_=[ending], finally_=[on()])
    simulation = filled_and_caught(returning, left=9_000)
    assert told(simulation)[0] == [
        "try SUCCEEDED",
        "try/inner FAILED",
        "try/inner/end SUCCEEDED",
        "try/inner/on SUCCEEDED",
        "try/caught SUCCEEDED",
        "last SUCCEEDED",
    ]
    assert error_at(simulation, "try/inner")["code"] == "SIZE_LIMIT"


def test_a_return_that_cannot_wait_for_other_branches_fails() -> None:
    """With SIZE_LIMIT, and they are stopped."""
    ending = give(part(20_000))
    simulation = filled_and_caught(parallel("all", [WAIT], [ending]), left=9_000)
    assert error_at(simulation, "try/all")["code"] == "SIZE_LIMIT"
    assert told(simulation) == (
        [
            "try SUCCEEDED",
            "try/all FAILED",
            "try/all/b0/wait CANCELED",
            "try/all/b1/end SUCCEEDED",
            "try/caught SUCCEEDED",
            "last SUCCEEDED",
        ],
        ["try/all/b0/wait#1 CANCELED"],
    )


def loop(concurrency: int) -> JsonObject:
    """A loop that collects what the run cannot carry."""
    return step(
        "each",
        "control.forEach",
        items=[1, 2, 3],
        concurrency=concurrency,
        itemVar="item",
        onItemError="collect",
        body=[on()],
        output=part(2_000),
        saveAs="vars.all",
    )


def branches() -> JsonObject:
    """Branches of which both are awaited, and which give what the run cannot carry."""
    listed: list[Json] = [
        {"id": f"b{number}", "steps": [on()], "output": part(2_000)} for number in range(2)
    ]
    return step("each", "control.parallel", join="settled", branches=listed)


@pytest.mark.parametrize(
    ("collecting", "lanes"),
    [(loop(1), 0), (loop(3), 3), (branches(), 2)],
    ids=["in turn", "at once", "branches"],
)
@pytest.mark.parametrize(("free", "fails"), [(60, True), (1_500, False)])
def test_what_cannot_even_be_kept_as_an_error_fails_the_whole(
    collecting: JsonObject, lanes: int, free: int, *, fails: bool
) -> None:
    """An item or a branch whose output has no room has failed; one whose error has none either
    fails all of them.
    """
    room = step_room("control.tryCatch") + step_room("control.forEach") + LANE_ROOM * lanes
    left = room + len("[1, 2, 3]{}") + free
    if not fails:
        whole = filled(caught(collecting), left=left)
        assert (whole.status, row(whole, "try/each").status) == ("SUCCEEDED", "SUCCEEDED")
        return
    error = error_at(filled_and_caught(collecting, left=left), "try/each")
    assert (error["code"], error["step"]) == ("SIZE_LIMIT", "try/each")


def test_a_child_whose_wait_has_no_room_is_not_started() -> None:
    """What it is called with is kept twice while it runs; what cannot be fails as the step's
    error, opens no wait and leaves nothing to undo.
    """
    undo: Json = {"actionId": "undo", "version": 1, "inputMapping": {}}
    calling = step(
        "call",
        "control.callWorkflow",
        workflowId="good",
        inputMapping={"a": part(20_000)},
        compensate=undo,
    )
    around = {"children": [{"workflow": "good", "result": 1}]}
    saga = step("saga", "control.saga", steps=[calling])
    simulation = filled_and_caught(saga, left=30_000, **around)
    error = error_at(simulation, "try/saga/call")
    assert (error["code"], error["step"]) == ("SIZE_LIMIT", "try/saga/call")
    assert told(simulation)[1] == []
    assert simulation.calls == []
    assert told(filled(saga, left=60_000, **around))[1] == ["saga/call#1 RESOLVED"]


@pytest.mark.parametrize(("left", "whole"), [(4_500, False), (9_000, True)])
def test_why_a_call_cannot_be_undone_is_always_kept(left: int, *, whole: bool) -> None:
    """Shortened if it has to be, so that people see it when it comes to that."""
    undo: Json = {
        "actionId": "undo",
        "version": 1,
        "inputMapping": {"a": expression("$error($pad('', 300, 'é'))")},
    }
    calling = step(
        "call", "action.call", config={"actionId": "pay", "version": 1, "compensate": undo}
    )
    failing = step("over", "control.throw", code="OVER")
    saga = step("saga", "control.saga", steps=[calling, failing])
    simulation = filled_and_caught(
        saga,
        left=left,
        actions=[{"action": "pay", "result": 1}],
        operator=[{"at": "PT1S", "do": "fail", "step": "saga"}],
    )
    (undone,) = [fact for fact in simulation.facts if isinstance(fact, CallUndone)]
    assert undone.error is not None
    message = undone.error["message"]
    assert message.startswith("The expression `$error($pad('', 300, 'é'))` failed: ééé")
    assert (len(message) > SHORT) is whole
    assert error_at(simulation, "try/saga")["code"] == "COMPENSATION_FAILED"


@pytest.mark.parametrize(("left", "details"), [(9_000, False), (40_000, True)])
def test_what_an_undo_failed_with_is_told_as_it_was_kept(left: int, *, details: bool) -> None:
    """Whether or not the run has settled while people thought about it."""
    undo: Json = {"actionId": "undo", "version": 1, "inputMapping": {}}
    calling = step(
        "call", "action.call", config={"actionId": "pay", "version": 1, "compensate": undo}
    )
    failing = step("over", "control.throw", code="OVER")
    saga = step("saga", "control.saga", steps=[calling, failing])
    beside = [nap("nap", "PT1S"), on()]
    simulation = filled(
        parallel("all", [saga], beside),
        left=left,
        actions=[
            {"action": "pay", "result": 1},
            {"action": "undo", "error": {"code": "BAD", "details": {"text": "x" * 9000}}},
        ],
        operator=[{"at": "PT1M", "do": "fail", "step": "saga"}],
    )
    error = simulation.error
    assert error is not None
    assert error.code == "COMPENSATION_FAILED"
    assert error.cause is not None
    assert (error.cause.code, bool(error.cause.details)) == ("BAD", details)


@pytest.mark.parametrize("do", ["skip", "fail"])
@pytest.mark.parametrize(
    ("then", "status"),
    [({"do": "skip", "step": "call", "value": 7}, "SUCCEEDED"), ({"do": "cancel"}, "CANCELED")],
)
def test_a_decision_that_cannot_be_carried_is_none(do: str, then: JsonObject, status: str) -> None:
    """The step is parked again, with another wait, and people may decide anew or cancel."""
    calling = step(
        "call",
        "action.call",
        config={"actionId": "pay", "version": 1, "saveAs": "vars.out"},
        onError={"policy": "park"},
    )
    simulation = filled(
        parallel("all", [calling], [nap("a", "PT90S"), on()]),
        left=20_000,
        actions=[{"action": "pay", "error": {"code": "BAD"}}],
        operator=[
            {"at": "PT1M", "do": do, "step": "call", "value": "x" * 30_000},
            {"at": "PT2M", **then},
        ],
    )
    assert simulation.status == status
    waits = [each for each in told(simulation)[1] if "~park" in each]
    second = "RESOLVED" if status == "SUCCEEDED" else "CANCELED"
    assert waits == ["all/b0/call~park#1 RESOLVED", f"all/b0/call~park#2 {second}"]
    assert simulation.variables == ({"out": 7} if status == "SUCCEEDED" else {})
