"""The interpreter alone, in a world in memory: order, values, errors, facts and cursor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.facts import RunFinished, RunStarted, StepFinished, StepStarted
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.sizes import MAX_CARRIED_BYTES, MAX_RESULT_BYTES
from alga_workflows_core.types.states import RunStatus, StepStatus
from tests.core.interpreter.world import (
    BEGAN,
    World,
    assign,
    branch,
    call,
    expression,
    give,
    walk,
)


async def test_facts_come_in_order_and_are_numbered_without_gaps() -> None:
    """A step's facts enclose those of the steps inside it; the run's enclose all."""
    finished, world = await walk(
        [
            assign("first", x=1),
            branch("if", True, [call("call", "echo", {"a": 1}), assign("inner", y=2)]),
            give(expression("vars.y")),
        ],
        {"n": 1},
    )
    assert (finished.status, finished.result, finished.error) == (RunStatus.SUCCEEDED, 2, None)
    assert world.told() == [
        ("run.started",),
        ("step.started", "first"),
        ("step.finished", "first", "SUCCEEDED"),
        ("step.started", "if"),
        ("step.started", "if/call"),
        ("step.finished", "if/call", "SUCCEEDED"),
        ("step.started", "if/inner"),
        ("step.finished", "if/inner", "SUCCEEDED"),
        ("step.finished", "if", "SUCCEEDED"),
        ("step.started", "end"),
        ("step.finished", "end", "SUCCEEDED"),
        ("run.finished", "SUCCEEDED"),
    ]
    assert [fact.seq for fact in world.facts] == list(range(1, len(world.facts) + 1))


async def test_a_fact_that_ends_a_step_repeats_what_began_it() -> None:
    """A row can be made from it alone: place, times by the run's clock, output."""
    steps = [{**call("call", "echo", {"a": [1]}, "vars.x"), "name": "Ask"}, give(None)]
    _, world = await walk(steps, {"n": 1})
    first = world.facts[0]
    assert isinstance(first, RunStarted)
    assert first.payload == {"n": 1}
    started, ended = world.facts[1:3]
    assert isinstance(started, StepStarted)
    assert isinstance(ended, StepFinished)
    for fact in (started, ended):
        assert (fact.path, fact.step_id, fact.type, fact.name) == (
            "call",
            "call",
            "action.call",
            "Ask",
        )
    assert (ended.position, ended.started_at) == (started.seq, started.at)
    assert (started.at, ended.at) == (BEGAN, BEGAN + timedelta(seconds=1))
    assert (ended.status, ended.output, ended.error) == (StepStatus.SUCCEEDED, {"a": [1]}, None)


async def test_assignments_are_carried_out_in_the_order_in_which_they_are_written() -> None:
    """Each sees the former, whatever their names are."""
    finished, _ = await walk(
        [
            assign(
                "set",
                z=1,
                a=expression("vars.z + 1"),
                m=expression("vars.a * 10"),
                z__inner=expression("vars.z"),
            ),
            give(expression("vars")),
        ]
    )
    assert finished.result == {"z": {"inner": 1}, "a": 2, "m": 20}


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        (True, "then"),
        (False, "else"),
        (expression("payload.amount > 100"), "then"),
        (expression("payload.amount > 1000"), "else"),
        (expression("payload.nothing"), "else"),
        (expression("payload.nothing.at.all = 1"), "else"),
        (expression("null"), "else"),
        (expression("$exists(payload.amount)"), "then"),
    ],
)
async def test_a_condition_chooses_the_branch(condition: Any, taken: str) -> None:
    """Undefined and null count as false; only the chosen branch runs."""
    finished, world = await walk(
        [
            branch("if", condition, [assign("yes", taken="then")], [assign("no", taken="else")]),
            give(expression("vars.taken")),
        ],
        {"amount": 500},
    )
    assert finished.result == taken
    inner = "if/yes" if taken == "then" else "if/no"
    assert [told[1] for told in world.told() if told[0] == "step.started"] == ["if", inner, "end"]
    ended = next(
        fact for fact in world.facts if isinstance(fact, StepFinished) and fact.path == "if"
    )
    assert ended.output == {"branch": taken}


async def test_an_if_without_else_goes_on() -> None:
    """A false condition without `else` runs nothing."""
    finished, _ = await walk([branch("if", False, [give("no")]), give("yes", "last")])
    assert finished.result == "yes"


@pytest.mark.parametrize("text", ["1", "0", "''", "'true'", "[]", "[true]", "{}", "payload"])
async def test_a_condition_that_is_neither_fails_the_run(text: str) -> None:
    """Nothing is taken for true or false that is not; the error has its step and category."""
    finished, world = await walk(
        [branch("outer", True, [branch("inner", expression(text), [give(1)])])], {"a": 1}
    )
    assert finished.status is RunStatus.FAILED
    assert finished.error is not None
    assert finished.error.code == "CONDITION_NOT_BOOLEAN"
    assert finished.error.category is Category.EXPRESSION
    assert finished.error.step == "outer/inner"
    assert world.told()[-3:] == [
        ("step.finished", "outer/inner", "FAILED"),
        ("step.finished", "outer", "FAILED"),
        ("run.finished", "FAILED"),
    ]


@pytest.mark.parametrize(
    "failing",
    [
        assign("bad", ok=1, x={"deep": [expression("$number('one')")]}),
        call("bad", "echo", {"a": expression("1 + 'one'")}),
        give(expression("$undefinedFunction()"), "bad"),
    ],
)
async def test_an_expression_that_fails_ends_the_run_at_its_step(failing: dict[str, Any]) -> None:
    """Every step that it leaves is failed with the same error, which names the innermost."""
    finished, world = await walk([branch("if", True, [failing]), give("never", "last")])
    assert finished.status is RunStatus.FAILED
    assert finished.result is None
    assert finished.error is not None
    assert finished.error.category is Category.EXPRESSION
    assert finished.error.step == "if/bad"
    shown = finished.error.as_json()
    ended = [fact for fact in world.facts if isinstance(fact, StepFinished | RunFinished)]
    assert [fact.error for fact in ended] == [shown, shown, shown]
    assert world.calls == []
    assert not any("last" in told for told in world.told())


async def test_an_action_that_fails_keeps_its_error() -> None:
    """Code, category, details and attempt are those of the action; nothing is saved."""
    finished, world = await walk([call("ask", "fail", {"a": 1}, "vars.x"), give("never", "last")])
    assert finished.error is not None
    assert finished.error.as_json() == {
        "code": "DESK_CLOSED",
        "category": "Action",
        "message": "The desk is closed.",
        "retryable": False,
        "details": {"opens": "09:00"},
        "step": "ask",
        "attempt": 3,
    }
    assert world.interpreter is not None
    assert world.interpreter.scope.vars == {}


async def test_a_return_inside_branches_ends_the_run() -> None:
    """The steps that it leaves have succeeded, and nothing behind them runs."""
    finished, world = await walk(
        [
            branch(
                "outer",
                True,
                [branch("inner", True, [give({"a": 1}), assign("dead", x=1)])],
            ),
            assign("late", x=1),
        ]
    )
    assert (finished.status, finished.result) == (RunStatus.SUCCEEDED, {"a": 1})
    assert world.told()[-4:] == [
        ("step.finished", "outer/inner/end", "SUCCEEDED"),
        ("step.finished", "outer/inner", "SUCCEEDED"),
        ("step.finished", "outer", "SUCCEEDED"),
        ("run.finished", "SUCCEEDED"),
    ]


@pytest.mark.parametrize("steps", [[assign("set", x=1)], [{"id": "e", "type": "control.return"}]])
async def test_a_run_without_a_value_results_in_null(steps: list[dict[str, Any]]) -> None:
    """Walking off the end and returning nothing are the same."""
    finished, _ = await walk(steps)
    assert (finished.status, finished.result) == (RunStatus.SUCCEEDED, None)


async def test_values_are_resolved_at_any_depth() -> None:
    """Expressions inside literals give way to their results; all else stays as it is written."""
    value: dict[str, Any] = {
        "text": "{$expr: 1}",
        "list": [1, [expression("payload.a"), {"x": expression("payload.none")}]],
        "a/b~": {"$": None, "sum": expression("vars.n + 1")},
        "whole": expression("payload"),
        "empty": [{}, []],
        "float": 1.5,
    }
    finished, world = await walk(
        [assign("set", n=1), call("call", "echo", value, "vars.out"), give(expression("vars.out"))],
        {"a": [True]},
    )
    resolved: dict[str, Any] = {
        "text": "{$expr: 1}",
        "list": [1, [[True], {"x": None}]],
        "a/b~": {"$": None, "sum": 2},
        "whole": {"a": [True]},
        "empty": [{}, []],
        "float": 1.5,
    }
    assert world.calls[0].input == resolved
    assert finished.result == resolved


async def test_a_whole_input_may_be_computed() -> None:
    """An `inputMapping` that is one expression gives the action's input, if it is an object."""
    _, world = await walk([call("call", "echo", expression("{'a': payload}"))], 7)
    assert world.calls[0].input == {"a": 7}
    finished, world = await walk([call("call", "echo", expression("[1]"))])
    assert finished.error is not None
    assert (finished.error.code, finished.error.step) == ("ACTION_INPUT_INVALID", "call")
    assert world.calls == []


async def test_expressions_see_one_context() -> None:
    """Payload, variables, meta and system, with the run's clock and seeded chance."""
    names = "[payload.p, vars.v, system.runId, $exists(meta), $now(), $random() < 1]"
    finished, world = await walk(
        [assign("set", v="V"), give(expression(names))], {"p": "P"}, system={"runId": "R"}
    )
    assert finished.result == ["P", "V", "R", True, "2030-01-01T12:00:00.000Z", True]
    again, _ = await walk([give(expression("[$random(), $uuid()]"))])
    once_more, _ = await walk([give(expression("[$random(), $uuid()]"))])
    assert again.result == once_more.result
    assert world.facts[-1].at == BEGAN


async def test_a_call_names_its_step_and_its_version() -> None:
    """The path with all enclosing steps is the identity of the call."""
    step = call("ask", "echo", {})
    step["config"]["version"] = 4
    _, world = await walk([branch("a", True, [branch("b", False, [give(1)], [step])])])
    (asked,) = world.calls
    assert (asked.step, asked.action_id, asked.version) == ("a/b/ask", "echo", 4)


def position(cursor: dict[str, Any]) -> list[Any]:
    """Indices and decisions from the outermost list of steps inwards."""
    node = cursor.get("n", {})
    inner = [node["b"], *position(node["s"])] if "s" in node else []
    return [cursor["i"], *inner]


async def test_the_cursor_is_json_at_every_call() -> None:
    """It says where the run is: index by index, branch by branch."""
    _, world = await walk(
        [
            assign("set", first=1),
            call("one", "echo", {}),
            branch("if", False, [give(1)], [assign("x", y=1), call("two", "echo", {})]),
            call("three", "echo", {}),
        ]
    )
    assert [position(cursor) for cursor in world.cursors] == [[1], [2, "else", 1], [3]]
    assert world.interpreter is not None
    assert world.interpreter.cursor == {"i": 4}


async def test_a_walk_goes_on_from_its_state() -> None:
    """What was decided is not decided again, and what is done is not done again."""
    steps = [
        call("one", "echo", {}),
        branch(
            "if",
            expression("payload.never"),
            [call("two", "echo", {}), call("three", "echo", {})],
            [give("else")],
        ),
        give("done", "last"),
    ]
    definition = parse_definition({"id": "a", "name": "A", "steps": steps})
    world = World()
    began = [2, "2030-01-01T12:00:00+00:00"]
    cursor = {"i": 1, "b": began, "n": {"b": "then", "s": {"i": 1}}}
    state: dict[str, Any] = {"cursor": cursor, "vars": {"values": {}}, "seq": 5}
    world.interpreter = Run(definition, payload={}, system={}, effects=world, state=state)
    finished = await world.interpreter.run()
    assert isinstance(finished, Finished)
    assert finished.result == "done"
    assert [asked.step for asked in world.calls] == ["if/three"]


async def test_what_was_handed_out_is_never_changed() -> None:
    """Facts, inputs and outputs keep their values while variables that came from them move on."""
    payload = {"list": [1, 2], "deep": {"a": 1}}
    world = World({"make": lambda _: {"kept": {"n": 1}}})
    finished, world = await walk(
        [
            call("make", "make", {"given": expression("payload.deep")}, "vars.made"),
            assign("copy", other=expression("vars.made"), p=expression("payload")),
            assign("change", made__kept__n=2, p__deep__a=9, p__list=[], other__new=1),
            call("again", "echo", {"made": expression("vars.made")}, "vars.made"),
            assign("more", made__made__kept__n=3),
            give(expression("vars")),
        ],
        payload,
        world=world,
    )
    assert payload == {"list": [1, 2], "deep": {"a": 1}}
    assert finished.result == {
        "made": {"made": {"kept": {"n": 3}}},
        "other": {"kept": {"n": 1}, "new": 1},
        "p": {"list": [], "deep": {"a": 9}},
    }
    outputs = [fact.output for fact in world.facts if isinstance(fact, StepFinished)]
    assert outputs[0] == {"kept": {"n": 1}}
    assert outputs[3] == {"made": {"kept": {"n": 2}}}


BIG = expression("payload.big")
THIRD = "x" * (MAX_CARRIED_BYTES // 3)


@pytest.mark.parametrize(
    "growing",
    [
        assign("grow", a=BIG, b=BIG),
        call("grow", "echo", {"again": BIG, "more": BIG}, "vars.a.b"),
        assign("grow", a__b=BIG, a__c=[BIG]),
    ],
)
async def test_a_run_carries_so_much_and_no_more(growing: dict[str, Any]) -> None:
    """Payload and variables are counted together; the step that adds too much fails."""
    finished, world = await walk([growing, give(1)], {"big": THIRD})
    assert finished.error is not None
    assert (finished.error.code, finished.error.category) == ("SIZE_LIMIT", Category.LIMIT)
    assert finished.error.step == "grow"
    assert finished.error.details is not None
    assert finished.error.details["limit"] == MAX_CARRIED_BYTES
    assert finished.error.details["bytes"] > MAX_CARRIED_BYTES
    assert THIRD[:100] not in finished.error.message
    assert ("run.finished", "FAILED") in world.told()


async def test_what_is_replaced_is_not_counted() -> None:
    """A variable that gets another value makes room."""
    steps = [assign(f"turn{turn}", a=BIG) for turn in range(5)]
    finished, _ = await walk([*steps, assign("clear", a=1), give("done")], {"big": THIRD})
    assert finished.result == "done"


async def test_a_result_has_its_own_limit() -> None:
    """What a run returns is a message of its own, so it is counted for itself."""
    room = MAX_RESULT_BYTES // 3 - 10
    given = {"big": "x" * room}
    finished, _ = await walk([give([BIG, BIG, BIG])], given)
    assert finished.result == [given["big"]] * 3
    finished, _ = await walk([give([BIG, BIG, BIG, BIG])], given)
    assert finished.error is not None
    assert (finished.error.code, finished.error.step) == ("SIZE_LIMIT", "end")


async def test_a_bug_in_the_world_is_not_an_author_s_error() -> None:
    """What is no StepError passes through: the run must not be failed by a bug of ours."""

    def broken(_given: dict[str, Any]) -> Any:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        await walk([call("call", "broken", {})], world=World({"broken": broken}))
