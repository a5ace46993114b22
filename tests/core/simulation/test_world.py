"""The simulated world: what actions are given, and what a script makes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.interpreter.facts import WaitOpened
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import START, Simulation, Simulator
from alga_workflows_core.simulation.trace import step_rows
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import Json


def definition(*steps: Json, **fields: Any) -> Definition:
    """A definition with these steps."""
    return parse_definition({"id": "case", "name": "Case", "steps": list(steps), **fields})


def call(step_id: str = "call", **config: Any) -> Json:
    """An `action.call` of `pay`."""
    return {
        "id": step_id,
        "type": "action.call",
        "config": {"actionId": "pay", "version": 3, **config},
    }


def simulate(defined: Definition, **script: Any) -> Simulation:
    """Run it in a world like this."""
    return Simulator().simulate(defined, Script.model_validate(script))


def test_what_an_action_is_given() -> None:
    """Input with secrets beside it, key, timeout in seconds, and whether it is retried here."""
    step: Any = call(
        inputMapping={"a": {"$expr": "payload.n * 2"}, "k": [{"$secret": "KEY"}], "p": "x"},
        idempotencyKey={"$expr": "'inv-' & payload.n"},
        timeout="PT1M30S",
    )
    (made,) = simulate(definition(step), payload={"n": 4}).calls
    assert made == ActionCall(
        step="call",
        action_id="pay",
        version=3,
        input={"a": 8, "k": [None], "p": "x"},
        secrets={"/k/0": "KEY"},
        series=1,
        attempt=1,
        retry=None,
        first_at=START,
        idempotency_key="inv-4",
        timeout=90.0,
    )


def test_attempts_share_what_was_decided_first() -> None:
    """Input, key and timeout are those of the first attempt; an operator's retry decides anew."""
    step: Any = call(
        inputMapping={"at": {"$expr": "$millis()"}},
        idempotencyKey={"$expr": "$string($millis())"},
        timeoutMs=500,
    )
    step["retry"] = {"maxAttempts": 2, "backoffMs": 1000, "jitter": False}
    step["onError"] = {"policy": "park"}
    calls = simulate(
        definition(step),
        actions=[{"calls": 3, "error": {"code": "BUSY", "retryable": True}}],
        operator=[{"at": "PT1H", "do": "retry", "step": "call"}],
    ).calls
    assert [(each.series, each.attempt) for each in calls] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert calls[0].input == calls[1].input
    assert calls[2].input == calls[3].input
    assert calls[2].input["at"] - calls[0].input["at"] == 3_600_000
    assert calls[0].idempotency_key == calls[1].idempotency_key != calls[2].idempotency_key
    assert {each.timeout for each in calls} == {0.5}
    assert all(each.retry is not None and each.retry.max_attempts == 2 for each in calls)
    assert calls[0].first_at == calls[1].first_at != calls[2].first_at


def test_what_an_undo_is_given() -> None:
    """Its input sees what the step saw, `outcome` and `result`; its series grows with retries."""
    compensate: Json = {
        "actionId": "unpay",
        "version": 2,
        "inputMapping": {
            "outcome": {"$expr": "outcome"},
            "id": {"$expr": "result.id"},
            "n": {"$expr": "n"},
            "k": {"$secret": "KEY"},
        },
    }
    saga: Json = {
        "id": "saga",
        "type": "control.saga",
        "steps": [
            {
                "id": "each",
                "type": "control.forEach",
                "items": [7],
                "itemVar": "n",
                "body": [call(compensate=compensate)],
            },
            {"id": "over", "type": "control.throw", "code": "OVER"},
        ],
    }
    _, first, second = simulate(
        definition(saga),
        actions=[
            {"action": "pay", "result": {"id": "p1"}},
            {"action": "unpay", "calls": 1, "error": {"code": "DOWN"}},
        ],
        operator=[{"at": "PT1H", "do": "retry", "step": "saga"}],
    ).calls
    assert first == ActionCall(
        step="saga~undo/saga/each[0]/call",
        action_id="unpay",
        version=2,
        input={"outcome": "succeeded", "id": "p1", "n": 7, "k": None},
        secrets={"/k": "KEY"},
        series=1,
    )
    assert (second.series, second.input) == (2, first.input)


def test_entries_of_a_script_go_in_order() -> None:
    """The first that fits is used, for as many calls as it says; by action, by step id or path."""
    loop: Json = {
        "id": "each",
        "type": "control.forEach",
        "items": [1, 2, 3],
        "itemVar": "n",
        "body": [call(saveAs="vars.x")],
        "output": {"$expr": "vars.x"},
        "saveAs": "vars.all",
    }
    simulation = simulate(
        definition(loop),
        actions=[
            {"action": "other", "result": 0},
            {"step": "each[1]/call", "result": "by path"},
            {"step": "call", "calls": 1, "result": "by id"},
            {"action": "pay", "result": "by action"},
        ],
    )
    assert simulation.variables["all"] == ["by id", "by path", "by action"]
    assert simulation.unscripted == []


def test_what_the_script_does_not_speak_of() -> None:
    """It answers `{}` and is told, but for pure actions: those are performed."""
    spec = ActionSpec(
        id="pay",
        version=3,
        kind=ActionKind.PURE,
        queue="",
        description="Pure.",
        input_schema={},
        output_schema={},
    )
    defined = definition(call(saveAs="vars.x", inputMapping={"n": 2}))
    simulation = simulate(defined)
    assert (simulation.variables, simulation.unscripted) == ({"x": {}}, ["call"])
    pure = Simulator(
        actions={("pay", 3): spec}, perform_pure=lambda made: {"twice": made.input["n"] * 2}
    ).simulate(defined, Script())
    assert (pure.variables, pure.unscripted) == ({"x": {"twice": 4}}, [])


def test_what_people_see_of_a_task() -> None:
    """Texts and names are decided when it opens, its times are absolute."""
    step: Json = {
        "id": "ask",
        "type": "human.task",
        "config": {
            "taskType": "approval",
            "title": {"$expr": "'Approve ' & payload.title"},
            "description": "Please.",
            "form": {"type": "object"},
            "assignees": {"$expr": "payload.who"},
            "candidateGroups": ["a", {"$expr": "payload.group"}, "a"],
            "dueIn": "P1D",
            "remindEvery": "PT2H",
            "escalateTo": ["bosses"],
            "quorum": 2,
        },
    }
    facts = simulate(
        definition(step), payload={"title": "trip", "who": "ada", "group": "b"}, start="2030-01-01"
    ).facts
    (opened,) = [fact for fact in facts if isinstance(fact, WaitOpened)]
    assert opened.detail == {
        "taskType": "approval",
        "title": "Approve trip",
        "description": "Please.",
        "form": {"type": "object"},
        "assignees": ["ada"],
        "candidateGroups": ["a", "b"],
        "dueAt": "2030-01-02T00:00:00+00:00",
        "remindEvery": 7200.0,
        "escalateTo": ["bosses"],
        "quorum": 2,
    }


def test_looking_at_a_moment() -> None:
    """`until` shows the run as it is then."""
    step: Json = {
        "id": "nap",
        "type": "time.wait",
        "config": {"mode": "duration", "duration": "P1D"},
    }
    vienna = definition(step, zone="Europe/Vienna")
    for moment in ("PT1H", "2030-01-01T13:00:00Z", "2030-01-01T14:00:00"):
        simulation = simulate(vienna, until=moment)
        assert simulation.status == "WAITING"
        assert simulation.ended_at == datetime(2030, 1, 1, 13, tzinfo=UTC)


def test_settling_while_paused() -> None:
    """A run that is asked to settle while a pause holds it settles, and is paused where it goes
    on.
    """
    steps: list[Json] = [
        {"id": "nap", "type": "time.wait", "config": {"mode": "duration", "duration": "PT1M"}},
        {"id": "label", "type": "state.set", "config": {"state": "Done"}},
    ]
    defined = definition(*steps)
    clock = VirtualClock(datetime(2030, 1, 1, 12, tzinfo=UTC))
    deeds = [{"at": "PT10S", "do": "pause"}, {"at": "PT3M", "do": "resume"}]
    world = SimulatedWorld(Script.model_validate({"operator": deeds}), clock)
    made: list[Run] = []

    def settle() -> None:
        made[0].settle()

    def run(state: Any) -> Run:
        made.append(Run(defined, payload=None, system={}, effects=world, state=state))
        world.run = made[-1]
        return made[-1]

    async def main() -> Finished:
        clock.plan(datetime(2030, 1, 1, 12, 2, tzinfo=UTC), settle)
        assert isinstance(await run(None).run(), Settled)
        assert clock.now.minute == 2
        state = json.loads(json.dumps(made[0].settled_state()))
        assert state["paused"] is True
        finished = await run(state).run()
        assert isinstance(finished, Finished)
        return finished

    assert clock.run(main()).status == "SUCCEEDED"
    assert clock.now.minute == 3
    assert [row.path for row in step_rows(world.facts)] == ["nap", "label"]


@pytest.mark.parametrize("moment", ["P", "PT", "Pfoo", "2030-13-01", "tomorrow", "2030-"])
def test_a_script_has_to_say_when(moment: str) -> None:
    """What is neither a time nor a duration is refused."""
    with pytest.raises(ValueError, match="at"):
        Script.model_validate({"events": [{"at": moment, "name": "E"}]})


def test_an_undo_whose_input_takes_too_long() -> None:
    """It depends on the speed of the machine, so the run ends at once and nothing is undone."""
    fib = "($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(40))"
    first: Json = {"actionId": "unpay", "version": 1}
    slow: Json = {"actionId": "unpay", "version": 1, "inputMapping": {"x": {"$expr": fib}}}
    saga: Json = {
        "id": "saga",
        "type": "control.saga",
        "steps": [call("a", compensate=first), call("b", compensate=slow)],
    }
    simulation = simulate(definition(saga))
    assert simulation.error is not None
    assert simulation.error.code == "EXPRESSION_TIMEOUT"
    assert [each.step for each in simulation.calls] == ["saga/a", "saga/b"]


def test_a_script_has_to_say_which_step() -> None:
    """A resolution without a step is refused."""
    with pytest.raises(ValueError, match="'step' is missing"):
        Script.model_validate({"operator": [{"at": "PT1S", "do": "retry"}]})
