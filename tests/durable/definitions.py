"""Definitions whose runs these tests count, kill and cut."""

from __future__ import annotations

from typing import Any


def assign(identity: str, **variables: Any) -> dict[str, Any]:
    """`transform.assign` of `vars.<name>`."""
    values = {f"vars.{name}": value for name, value in variables.items()}
    return {"id": identity, "type": "transform.assign", "config": {"assign": values}}


def expr(text: str) -> dict[str, str]:
    """An expression."""
    return {"$expr": text}


def call(identity: str, action_id: str, given: Any = None, **config: Any) -> dict[str, Any]:
    """`action.call` of version 1."""
    mapped: dict[str, Any] = {"actionId": action_id, "version": 1, "inputMapping": given or {}}
    mapped.update(config)
    return {"id": identity, "type": "action.call", "config": mapped}


def wait(identity: str, milliseconds: int) -> dict[str, Any]:
    """`time.wait` for so long."""
    config = {"mode": "duration", "durationMs": milliseconds}
    return {"id": identity, "type": "time.wait", "config": config}


def document(identity: str, *steps: dict[str, Any], result: Any = None) -> dict[str, Any]:
    """A definition of `steps` and a return of `result`."""
    end = {"id": "end", "type": "control.return", "value": result}
    return {"id": identity, "name": identity.title(), "steps": [*steps, end]}


def turns(count: int, *body: dict[str, Any], identity: str = "loop") -> dict[str, Any]:
    """`control.while` over `body`, for as long as `vars.n` is below `count`."""
    return {
        "id": identity,
        "type": "control.while",
        "condition": expr(f"vars.n < {count}"),
        "maxIterations": count,
        "body": [*body, assign("count", n=expr("vars.n + 1"))],
    }


def pure_steps(identity: str, steps: int) -> dict[str, Any]:
    """About `steps` executions of steps without actions: four a turn, one of them a decision."""
    decide = {
        "id": "decide",
        "type": "control.if",
        "condition": expr("vars.n % 2 = 0"),
        "then": [assign("even", even=expr("vars.even + 1"))],
        "else": [assign("odd", odd=expr("vars.odd + vars.n"))],
    }
    note = assign("note", last=expr("'turn ' & vars.n"))
    return document(
        identity,
        assign("begin", n=0, even=0, odd=0),
        turns(steps // 4, note, decide),
        result=expr("{'n': vars.n, 'even': vars.even, 'odd': vars.odd}"),
    )


def pure_result(steps: int) -> dict[str, int]:
    """What a run of `pure_steps` gives."""
    numbers = range(steps // 4)
    return {
        "n": len(numbers),
        "even": len(numbers[::2]),
        "odd": sum(numbers[1::2]),
    }


def acting_turns(identity: str, count: int) -> dict[str, Any]:
    """A loop of `count` turns with a local action and a remote one each."""
    near = call("near", "tests.near", {"n": expr("vars.n")}, saveAs="vars.near")
    far = call("far", "tests.far", {"n": expr("vars.near.n + 1")}, saveAs="vars.far")
    note = assign("note", sum=expr("vars.sum + vars.far.n"))
    return document(
        identity,
        assign("begin", n=0, sum=0),
        turns(count, near, far, note),
        result=expr("vars.sum"),
    )


def nested_loops(identity: str, folder: str) -> dict[str, Any]:
    """Two nested concurrent loops around three branches: a timer that stays open, actions, and an
    error that is caught and cleaned up after. Every call leaves a file of its own in `folder`.
    """

    def mark(step: str) -> dict[str, Any]:
        return call(step, "tests.mark", {"folder": folder})

    guarded = {
        "id": "guard",
        "type": "control.tryCatch",
        "try": [
            mark("before"),
            {"id": "throw", "type": "control.throw", "code": "OOPS", "message": "On purpose."},
        ],
        "catch": [mark("caught")],
        "finally": [mark("cleaned")],
    }
    branches = [
        {"id": "timer", "steps": [wait("wait", 900), mark("after")]},
        {"id": "act", "steps": [mark("first"), call("far", "tests.far"), mark("second")]},
        {"id": "catch", "steps": [guarded, assign("note", here=expr("outer * 10 + inner"))]},
    ]
    parallel = {"id": "split", "type": "control.parallel", "branches": branches}
    inner = {
        "id": "inner",
        "type": "control.forEach",
        "items": [1, 2, 3],
        "itemVar": "inner",
        "concurrency": 3,
        "body": [parallel],
        "output": expr("vars.here"),
        "saveAs": "vars.found",
    }
    outer = {
        "id": "outer",
        "type": "control.forEach",
        "items": [1, 2, 3, 4],
        "itemVar": "outer",
        "concurrency": 2,
        "body": [inner],
        "output": expr("vars.found"),
        "saveAs": "vars.all",
    }
    return document(identity, outer, result=expr("vars.all"))


NESTED_RESULT = [[outer * 10 + inner for inner in (1, 2, 3)] for outer in (1, 2, 3, 4)]
NESTED_MARKS = 4 * 3 * 6


def boundaries(identity: str) -> dict[str, Any]:
    """Some 25 places at which an activity begins and ends: counters, a service, waits, branches."""
    count = [call(f"count{index}", "tests.count") for index in range(5)]
    far = [call(f"far{index}", "tests.countFar") for index in range(2)]
    posts = [call(f"post{index}", "tests.post", {"url": expr("payload.url")}) for index in range(3)]
    branches = [
        {"id": name, "steps": [call(f"{name}1", "tests.count"), call(f"{name}2", "tests.count")]}
        for name in ("left", "right")
    ]
    return document(
        identity,
        assign("begin", n=0),
        count[0],
        count[1],
        posts[0],
        wait("wait", 50),
        turns(8, call("turn", "tests.count")),
        far[0],
        {"id": "split", "type": "control.parallel", "branches": branches},
        posts[1],
        *count[2:],
        far[1],
        posts[2],
        result=expr("vars.n"),
    )


COUNTED = frozenset(
    [f"count{index}" for index in range(5)]
    + [f"far{index}" for index in range(2)]
    + [f"loop[{turn}]/turn" for turn in range(8)]
    + [f"split/{name}/{name}{index}" for name in ("left", "right") for index in (1, 2)]
)
POSTED = frozenset(f"post{index}" for index in range(3))
