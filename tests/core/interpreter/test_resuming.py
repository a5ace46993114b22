"""A run that has failed goes on at the step that failed: what has succeeded is not done again, what
was undone is done anew, under ordinals of its own.
"""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.interpreter.facts import RunStarted, StepFinished, StepStarted
from alga_workflows_core.interpreter.resuming import ORDINALS, resume, waits_under_way
from alga_workflows_core.simulation.trace import wait_rows
from alga_workflows_core.types.json import JsonObject
from tests.core.interpreter.retried import Retried
from tests.core.interpreter.simulated import definition, nap, step
from tests.core.interpreter.world import assign, call, expression, give

NEXT = ORDINALS + 1


def fails(identity: str, **fields: Any) -> JsonObject:
    """A script's entry: the first call of a step fails for good."""
    error = {"code": "NOPE", "category": "Action"}
    return {"step": identity, "calls": 1, "error": error, **fields}


def gives(identity: str, value: Any, **fields: Any) -> JsonObject:
    """A script's entry: what the calls of a step answer."""
    return {"step": identity, "result": value, **fields}


def do(identity: str, save_as: str | None = None, **fields: Any) -> JsonObject:
    """A step that calls an action."""
    return {**call(identity, "act", {}, save_as), **fields}


def undone(identity: str) -> JsonObject:
    """A call that can be undone."""
    made = do(identity)
    made["config"]["compensate"] = {"actionId": "undo", "version": 1, "inputMapping": {}}
    return made


def each(*body: JsonObject, **fields: Any) -> JsonObject:
    """A loop over three items."""
    loop = {"items": [1, 2, 3], "itemVar": "one", "body": list(body)}
    return step("each", "control.forEach", **{**loop, **fields})


def branches(*lanes: list[JsonObject], **fields: Any) -> JsonObject:
    """A parallel."""
    made = [{"id": f"b{index}", "steps": steps} for index, steps in enumerate(lanes)]
    return step("all", "control.parallel", branches=made, **fields)


def test_a_step_that_failed_begins_anew() -> None:
    """What is before it is not done again; the run begins in a new epoch, with its steps."""
    run = Retried(
        definition(do("a", "vars.a"), do("b", "vars.b"), give(expression("vars"))),
        actions=[fails("b"), gives("a", 1), gives("b", 2)],
    )
    assert run.begin().status == "FAILED"
    first = len(run.world.facts)
    assert run.again().result == {"a": 1, "b": 2}
    assert run.calls == [("a", 1), ("b", 1), ("b", NEXT)]
    told = run.world.facts[first:]
    assert isinstance(told[0], RunStarted)
    assert [fact.seq for fact in told] == list(range(1, len(told) + 1))
    assert [fact.path for fact in told if isinstance(fact, StepStarted)] == ["b", "end"]


def test_a_step_has_all_its_attempts_again() -> None:
    """Also in the second retry, whose calls are others again."""
    retry = {"maxAttempts": 2, "backoffMs": 1000, "jitter": False}
    busy = {"code": "BUSY", "category": "Transient", "retryable": True}
    run = Retried(
        definition(do("a", retry=retry)),
        actions=[{"step": "a", "calls": 5, "error": busy}, gives("a", 1)],
    )
    assert [run.begin().status, run.again().status, run.again().status] == [
        "FAILED",
        "FAILED",
        "SUCCEEDED",
    ]
    assert [series for _, series in run.calls] == [1, 1, NEXT, NEXT, NEXT + ORDINALS] + [
        NEXT + ORDINALS
    ] * 1
    assert [each.attempt for each in run.world.calls] == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_items_that_are_done_stay_done(concurrency: int) -> None:
    """What was under way beside the one that failed goes on with the call that it had."""
    body = [do("x"), assign("n", n=expression("$coalesce(vars.n, 0) + item"))]
    loop = each(*body, concurrency=concurrency, output=expression("item"), saveAs="vars.out")
    run = Retried(
        definition(loop, give(expression("vars"))),
        actions=[
            gives("each[0]/x", 1, takes="PT1S"),
            fails("each[1]/x", takes="PT2S"),
            gives("each[1]/x", 1),
            gives("each[2]/x", 1, takes="PT5S"),
        ],
    )
    assert run.begin().status == "FAILED"
    assert run.again().result["out"] == [1, 2, 3]
    assert run.run is not None
    assert {path: {each.series for each in calls} for path, calls in run.made.items()} == {
        "each[0]/x": {1},
        "each[1]/x": {1, NEXT},
        "each[2]/x": {1},
    }
    assert run.run.lanes.taken == 1


def test_branches_that_were_cancelled_go_on() -> None:
    """With what they had written; one that has ended stays so."""
    steps = branches(
        [assign("one", one=1), do("bad")],
        [assign("two", two=2), do("slow"), assign("four", four=expression("vars.two * 2"))],
        [assign("three", three=3)],
    )
    run = Retried(
        definition(steps, give(expression("vars"))),
        actions=[fails("bad", takes="PT1S"), gives("slow", 1, takes="PT9S"), gives("bad", 1)],
    )
    assert run.begin().status == "FAILED"
    assert run.again().result == {"one": 1, "two": 2, "four": 4, "three": 3}
    assert run.made["all/b1/slow"][1].series == 1
    assert [each.series for each in run.made["all/b0/bad"]] == [1, NEXT]


def test_what_a_saga_has_undone_is_done_anew() -> None:
    """With calls and undos of their own, from the outermost saga on."""
    inner = step("inner", "control.saga", steps=[undone("a"), undone("b")])
    outer = step("outer", "control.saga", steps=[undone("before"), inner, do("bad")])
    run = Retried(
        definition(do("first"), outer, do("last")),
        actions=[{**fails("bad"), "calls": 2}, gives("bad", 1)],
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    ordinals = [1, NEXT, NEXT + ORDINALS]
    for path in ("outer/before", "outer/inner/a", "outer/inner/b", "outer/bad"):
        assert [each.series for each in run.made[path]] == ordinals
    assert [each.series for each in run.made["outer~undo/outer/inner/a"]] == ordinals[:2]
    assert [run.calls.count((path, 1)) for path in ("first", "last")] == [1, 1]


def test_a_try_whose_finally_ran_is_done_anew() -> None:
    """One without goes on inside; so does a finally that failed itself."""
    cleaned = step("clean", "control.tryCatch", try_=[do("a"), do("b")], finally_=[do("c")])
    run = Retried(definition(do("first"), cleaned), actions=[fails("b"), gives("b", 1)])
    assert [run.begin().status, run.again().status] == ["FAILED", "SUCCEEDED"]
    assert [path for path, series in run.calls if series == NEXT] == [
        "clean/a",
        "clean/b",
        "clean/c",
    ]
    run = Retried(definition(cleaned), actions=[fails("c"), gives("c", 1)])
    assert [run.begin().status, run.again().status] == ["FAILED", "SUCCEEDED"]
    assert run.calls[3:] == [("clean/c", NEXT)]
    other = {"id": "other", "type": "control.throw", "code": "OTHER"}
    caught = step("try", "control.tryCatch", try_=[do("a"), do("b")], catch=[other])
    picky = {**caught, "catchOn": ["ELSE"]}
    run = Retried(definition(picky), actions=[fails("b"), gives("b", 1)])
    assert [run.begin().status, run.again().status] == ["FAILED", "SUCCEEDED"]
    assert run.calls == [("try/a", 1), ("try/b", 1), ("try/b", NEXT)]


def test_a_catch_that_failed_goes_on_in_it() -> None:
    """It still knows what it has caught."""
    body = step(
        "try",
        "control.tryCatch",
        try_=[do("a")],
        catch=[do("b"), give(expression("error.code"))],
    )
    run = Retried(definition(body), actions=[fails("a"), fails("b"), gives("b", 1)])
    assert run.begin().status == "FAILED"
    assert run.again().result == "NOPE"
    assert run.calls == [("try/a", 1), ("try/b", 1), ("try/b", NEXT)]


def test_no_checkpoint_is_kept_of_errors_that_are_dealt_with() -> None:
    """By a catch, a loop, a join: the one that counts comes later, from where that is."""
    caught = step("try", "control.tryCatch", try_=[do("a")], catch=[assign("c", x=1)])
    loop = each(do("b"), onItemError="continue")
    settled = branches([do("c")], join="settled")
    run = Retried(
        definition(caught, loop, settled, do("d")),
        actions=[
            *(fails(name) for name in "abcd"),
            *(gives(name, 1) for name in "abcd"),
        ],
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [series for path, series in run.calls if path == "d"] == [1, NEXT]
    assert len(run.calls) == 7


def test_branches_none_of_which_succeeded_begin_anew() -> None:
    """There is no one step to go on at."""
    run = Retried(
        definition(branches([do("a")], [do("b")], join="any", saveAs="vars.won")),
        actions=[fails("a"), fails("b"), gives("a", 1, takes="PT1S"), gives("b", 1, takes="PT2S")],
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [series for _, series in run.calls] == [1, 1, NEXT, NEXT]


def test_an_output_that_cannot_be_had_is_asked_for_again() -> None:
    """By a version that mends it; the item's steps are not done again."""
    loop = each(do("x"), output=expression("$error('no')"), saveAs="vars.out")
    for concurrency in (1, 2):
        run = Retried(definition({**loop, "concurrency": concurrency}), actions=[])
        finished = run.begin()
        assert finished.error is not None
        assert finished.error.code == "EXPRESSION_FAILED"
        mended = definition(
            {**loop, "concurrency": concurrency, "output": expression("item")},
            give(expression("vars.out")),
        )
        assert run.again(mended).result == [1, 2, 3]
        assert {series for _, series in run.calls} == {1}


def test_a_wait_that_was_open_is_opened_anew() -> None:
    """With a key of its own; one that had got what it waits for keeps that."""
    wait = step("wait", "event.wait", config={"eventName": "PAID", "timeout": "PT1H"})
    both = step("both", "event.wait", config={"all": [{"eventName": "ONE"}, {"eventName": "TWO"}]})
    run = Retried(
        definition(branches([wait], [both], [nap("nap", "PT1M"), do("bad")])),
        actions=[fails("bad"), gives("bad", 1)],
        events=[
            {"at": "PT10S", "name": "ONE"},
            {"at": "PT2M", "name": "TWO"},
            {"at": "PT3M", "name": "PAID"},
        ],
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [(row.key, row.status) for row in wait_rows(run.world.facts)] == [
        ("all/b0/wait#1", "CANCELED"),
        ("all/b1/both#1", "RESOLVED"),
        ("all/b1/both#2", "CANCELED"),
        ("all/b2/nap#1", "RESOLVED"),
        ("all/b0/wait#2", "RESOLVED"),
        ("all/b1/both#3", "RESOLVED"),
    ]


def test_what_came_while_the_run_ended_is_kept() -> None:
    """The row of a wait knows of an event that the run did not live to see."""
    wait = step(
        "wait",
        "event.wait",
        config={"eventName": "PAID", "assign": {"vars.n": expression("event.payload.n")}},
    )
    run = Retried(
        definition(branches([wait], [do("bad")]), give(expression("vars.n"))),
        actions=[fails("bad"), gives("bad", 1)],
    )
    assert run.begin().status == "FAILED"
    event = {"match": 0, "event": {"id": "e", "name": "PAID", "payload": {"n": 7}}}
    assert run.again(resolutions={"all/b0/wait#1": event}).result == 7


def test_a_wait_that_timed_out_waits_anew() -> None:
    """For as long again."""
    wait = step("wait", "event.wait", config={"eventName": "PAID", "timeout": "PT1M"})
    run = Retried(definition(wait), events=[{"at": "PT90S", "name": "PAID"}])
    finished = run.begin()
    assert finished.error is not None
    assert finished.error.code == "WAIT_TIMEOUT"
    assert run.again().status == "SUCCEEDED"


def test_a_run_whose_time_was_over_gets_it_again() -> None:
    """It goes on with what was under way then."""
    document = definition(do("a"), nap("nap", "PT1M"), do("b")).model_copy(
        update={"timeout": "PT40S"}
    )
    run = Retried(document)
    assert run.begin().status == "TIMED_OUT"
    assert run.again().status == "SUCCEEDED"
    assert run.calls == [("a", 1), ("b", 1)]


def test_a_called_run_that_failed_is_called_anew() -> None:
    """One that succeeded beside it is not."""
    first = step("one", "control.callWorkflow", workflowId="good", saveAs="vars.one")
    other = step("two", "control.callWorkflow", workflowId="bad", saveAs="vars.two")
    run = Retried(
        definition(branches([first], [other]), give(expression("vars"))),
        children=[
            {"workflow": "good", "result": 1, "takes": "PT9S", "calls": 1},
            {"workflow": "bad", "error": {"code": "NOPE"}, "takes": "PT1S", "calls": 1},
            {"workflow": "bad", "result": 2, "takes": "PT1S"},
            {"workflow": "good", "result": 3, "takes": "PT1S"},
        ],
    )
    assert run.begin().status == "FAILED"
    assert run.again().result == {"one": 3, "two": 2}
    keys = [row.key for row in wait_rows(run.world.facts)]
    assert keys == ["all/b0/one#1", "all/b1/two#1", "all/b0/one#2", f"all/b1/two#{NEXT}"]


def test_a_run_that_was_cancelled_keeps_no_checkpoint() -> None:
    """Even if what it does then fails."""
    cleaned = step("clean", "control.tryCatch", try_=[nap("nap", "PT1M")], finally_=[do("bad")])
    run = Retried(
        definition(cleaned),
        actions=[fails("bad")],
        operator=[{"at": "PT1S", "do": "cancel"}],
    )
    assert run.begin().status == "FAILED"
    assert run.checkpoint is None


def test_a_checkpoint_survives_settling() -> None:
    """A run that goes on elsewhere in the middle of its clean-up keeps no second one."""
    cleaned = step(
        "clean", "control.tryCatch", try_=[do("a"), do("b")], finally_=[do("c"), do("d")]
    )
    run = Retried(
        definition(cleaned, do("last")),
        actions=[fails("b"), fails("d"), gives("b", 1), gives("d", 1)],
        settles=lambda number: number % 2 == 0,
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [series for path, series in run.calls if path == "clean/a"] == [1, NEXT]


def test_a_retry_by_another_version_goes_on_at_the_same_steps() -> None:
    """Wherever they stand in it; what it has new behind them is done."""
    run = Retried(definition(do("a"), each(do("x"), do("y"))), actions=[fails("y"), gives("y", 1)])
    assert run.begin().status == "FAILED"
    other = definition(do("new"), do("a"), each(do("z"), do("x"), do("y")), do("last"))
    assert run.again(other).status == "SUCCEEDED"
    paths = [path for path, _ in run.calls[3:]]
    assert paths == [
        "each[0]/y",
        *(f"each[{index}]/{name}" for index in (1, 2) for name in "zxy"),
        "last",
    ]


def test_a_version_without_the_steps_under_way_is_unfit() -> None:
    """All that it lacks is told, also steps of another type and branches that differ."""
    run = Retried(
        definition(branches([each(do("x"))], [do("slow")])),
        actions=[fails("x", takes="PT1S"), gives("slow", 1, takes="PT9S")],
    )
    assert run.begin().status == "FAILED"
    assert run.resumption(definition(branches([each(do("y"))], [nap("slow", "PT1S")]))).unfit == [
        "all/b0/each/x",
        "all/b1/slow",
    ]
    assert run.resumption(definition(branches([each(do("x"))]))).unfit == ["all"]
    assert run.resumption(definition(do("all"))).unfit == ["all"]
    assert run.resumption(definition(do("b"))).unfit == ["all"]


@pytest.mark.parametrize("amount", [1, 2, 3])
def test_a_switch_goes_on_in_the_case_that_it_is_in(amount: int) -> None:
    """Or in its default; it does not choose again."""
    chosen = ["bad", "x"] if amount == 1 else ["x", "bad"]
    cases: list[JsonObject] = [
        {"when": expression(f"{amount} = {number}"), "steps": [do(name) for name in chosen]}
        for number in (1, 2)
    ]
    choose = step("choose", "control.switch", cases=cases, default=[do("x"), do("bad")])
    run = Retried(definition(choose), actions=[fails("bad"), gives("bad", 1), gives("x", 1)])
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [path for path, _ in run.calls].count("choose/x") == 1


def test_a_saga_that_is_undoing_goes_on_with_that() -> None:
    """Somewhere else the run fails meanwhile; what it undoes is not undone twice."""
    saga = step("saga", "control.saga", steps=[undone("a"), do("oops")])
    caught = step("try", "control.tryCatch", try_=[saga], catch=[assign("caught", caught=1)])
    run = Retried(
        definition(branches([caught], [nap("nap", "PT2S"), do("bad")])),
        actions=[
            {**fails("oops"), "calls": 9},
            fails("bad"),
            gives("bad", 1),
            gives("a~undo", 1, takes="PT9S"),
        ],
    )
    assert run.begin().status == "FAILED"
    assert run.again().status == "SUCCEEDED"
    assert [path for path, _ in run.calls].count("all/b0/try/saga/oops") == 1


def test_a_step_that_was_parked_is_parked_anew() -> None:
    """Unless somebody has decided what becomes of it before the run is retried."""
    parked = do("p", onError={"policy": "park"})
    run = Retried(
        definition(branches([parked], [nap("nap", "PT1M"), do("bad")])),
        actions=[fails("p"), fails("bad"), gives("bad", 1)],
    )
    assert run.begin().status == "FAILED"
    assert run.checkpoint is not None
    assert waits_under_way(run.checkpoint) == ["all/b0/p~park#1"]
    node = run.resumption().state["cursor"]["n"]["run"]["0"]["n"]["n"]
    assert "park" not in node
    assert node["err"]["code"] == "NOPE"
    assert run.again(resolutions={"all/b0/p~park#1": {"do": "skip"}}).status == "SUCCEEDED"
    assert len(run.made["all/b0/p"]) == 1


def test_a_detached_run_that_was_being_started_is_the_same_one() -> None:
    """Its start may have been written down, or not: asked for again, it is not a second one."""
    go = step("go", "control.callWorkflow", workflowId="child", mode="detach")
    run = Retried(
        definition(go, do("bad")),
        actions=[fails("bad"), gives("bad", 1)],
        children=[{"workflow": "child", "result": 1}],
    )
    assert run.begin().status == "FAILED"
    assert run.checkpoint is not None
    run.checkpoint["state"]["cursor"] = {
        "i": 0,
        "b": [2, "2030-01-01T12:00:00+00:00"],
        "n": {"w": 1, "d": True},
    }
    state = run.resumption().state
    assert state["cursor"]["n"] == {"w": 1, "d": True}
    assert run.again().status == "SUCCEEDED"


def held(kind: str, given: JsonObject) -> JsonObject:
    """A checkpoint of a run that was paused when its wait `w` ended."""
    wait: JsonObject = {"kind": kind, "key": "w#1", "due": None, "d": {}}
    node: JsonObject = {"w": 1, "ws": [wait], "rs": [given], "wk": "resolved"}
    cursor: JsonObject = {"i": 0, "b": [2, "2030-01-01T12:00:00+00:00"], "n": node}
    state = {"format": 1, "cursor": cursor, "waits": {"w#1": given}, "vars": {}, "meta": {}}
    return {"format": 1, "atOnce": False, "state": state}


def test_what_a_paused_run_has_got_is_kept() -> None:
    """But for a called run that did not succeed, which is called again."""
    document = definition(step("w", "event.wait", config={"eventName": "PAID"}))

    def node(kind: str, given: JsonObject) -> JsonObject:
        found = resume(
            held(kind, given), former=document, definition=document, epoch=1, resolutions={}
        )
        return found.state["cursor"]["n"]

    assert "rs" in node("event", {"match": 0})
    assert "rs" in node("child", {"status": "SUCCEEDED"})
    assert "ws" not in node("child", {"status": "CANCELED"})


def test_a_checkpoint_of_another_format_is_refused() -> None:
    """Reading it as if it were ours would send the run somewhere else."""
    document = definition(do("a"))
    with pytest.raises(ValueError, match="format 9"):
        resume({"format": 9}, former=document, definition=document, epoch=1, resolutions={})


def test_steps_that_go_on_are_told_of_again() -> None:
    """So that the rows of the new epoch are complete."""
    run = Retried(
        definition(each(do("x"), concurrency=2)), actions=[fails("each[1]/x"), gives("x", 1)]
    )
    run.begin()
    first = len(run.world.facts)
    run.again()
    told = run.world.facts[first:]
    begun = [fact.path for fact in told if isinstance(fact, StepStarted)]
    ended = [fact.path for fact in told if isinstance(fact, StepFinished)]
    assert begun[0] == "each"
    assert sorted(begun) == sorted(ended)
    assert run.checkpoint is None
