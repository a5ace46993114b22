"""Definitions of any shape whose step fails once, wherever that is: a retry brings them to the end
that they would have come to, and does nothing twice that it need not.

`ALGA_EXAMPLES` says how many are made (150 if it is not set).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.interpreter.resuming import ORDINALS
from tests.core.interpreter.retried import Retried

EXAMPLES = int(os.environ.get("ALGA_EXAMPLES", "150"))
Draw = Callable[[st.SearchStrategy[Any]], Any]


def call(identity: str, name: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "actionId": "act",
        "version": 1,
        "inputMapping": {},
        "saveAs": f"vars.{name}",
    }
    return {"id": identity, "type": "action.call", "config": config}


@st.composite
def documents(draw: Draw) -> Definition:
    """Calls in branches, loops and other blocks; each writes a variable of its own."""
    made = 0

    def block(depth: int) -> list[dict[str, Any]]:
        return [one(depth) for _ in range(draw(st.integers(1, 3)))]

    def one(depth: int) -> dict[str, Any]:
        nonlocal made
        made += 1
        identity = f"s{made}"
        kinds = ["call", "if", "loop", "while", "parallel", "try", "finally"]
        kind = "call" if depth > 3 or made > 15 else draw(st.sampled_from(kinds))
        step: dict[str, Any] = {"id": identity}
        match kind:
            case "if":
                step |= {"type": "control.if", "condition": True, "then": block(depth + 1)}
            case "loop":
                step |= {
                    "type": "control.forEach",
                    "items": [1, 2, 3],
                    "itemVar": f"of_{identity}",
                    "concurrency": draw(st.integers(1, 3)),
                    "body": block(depth + 1),
                    "output": {"$expr": "item"},
                    "saveAs": f"vars.{identity}",
                }
            case "while":
                turns = f"vars.turns_{identity}"
                count: dict[str, Any] = {"type": "transform.assign", "id": f"{identity}t"}
                count["config"] = {"assign": {turns: {"$expr": f"$coalesce({turns}, 0) + 1"}}}
                step |= {
                    "type": "control.while",
                    "condition": {"$expr": f"$coalesce({turns}, 0) < 2"},
                    "maxIterations": 5,
                    "body": [*block(depth + 1), count],
                }
            case "parallel":
                branches = [{"id": f"b{n}", "steps": block(depth + 1)} for n in range(2)]
                step |= {"type": "control.parallel", "branches": branches}
            case "try":
                caught = [call(f"{identity}c", identity)]
                step |= {"type": "control.tryCatch", "try": block(depth + 1), "catch": caught}
                step["catchOn"] = ["ELSE"]
            case "finally":
                step |= {"type": "control.tryCatch", "try": [call(f"{identity}c", identity)]}
                step["finally"] = [call(f"{identity}f", identity)]
            case _:
                step = call(identity, identity)
        return step

    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars"}}
    return parse_definition({"id": "any", "name": "Any", "steps": [*block(0), end]})


@settings(max_examples=EXAMPLES, deadline=None)
@given(document=documents(), data=st.data())
def test_a_retry_comes_to_the_end_that_it_would_have_come_to(
    document: Definition, data: st.DataObject
) -> None:
    """The same result; each call has one ordinal, but that which failed and those around which
    something was cleaned up."""
    seconds = data.draw(st.lists(st.integers(1, 3), min_size=3, max_size=3))
    answers = [
        {"calls": 3, "result": 1, "takes": f"PT{seconds[0]}S"},
        {"calls": 3, "result": 1, "takes": f"PT{seconds[1]}S"},
        {"result": 1, "takes": f"PT{seconds[2]}S"},
    ]
    whole = Retried(document, actions=answers)
    expected = whole.begin()
    assert expected.status == "SUCCEEDED"
    failing, _ = data.draw(st.sampled_from(whole.calls))
    error = {"code": "NOPE", "category": "Action"}
    broken = {"step": failing, "calls": 1, "error": error, "takes": f"PT{seconds[1]}S"}
    run = Retried(document, actions=[broken, *answers])
    assert run.begin().status == "FAILED"
    assert run.again().result == expected.result
    assert run.run is not None
    assert run.run.lanes.taken == 1
    ordinals = {path: {call.series for call in calls} for path, calls in run.made.items()}
    assert ordinals.keys() == whole.made.keys()
    assert ordinals[failing] == {1, ORDINALS + 1}
    cleaned = {path for path in ordinals if path[-1] in "cf"}
    again = {path for path, series in ordinals.items() if len(series) > 1}
    assert again <= cleaned | {failing}
