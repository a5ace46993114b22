"""The rows of the steps that decide, repeat, fork, catch and undo."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.definition.steps.while_ import MAX_ITERATIONS
from alga_workflows_core.validation.findings import Code
from tests.core.definition.rows import (
    STEPS,
    Example,
    Row,
    anything,
    block,
    choice,
    condition,
    document,
    error_names,
    no,
    path,
    pattern,
    step,
    whole,
    words,
)
from tests.core.definition.rows_of_calls import kind

CASE = {"when": True, "steps": STEPS}
BRANCH = {"id": "b", "steps": STEPS}
LOOP = {"items": [1], "itemVar": "it", "body": STEPS}


def several(one: dict[str, Any], longest: int | None, **more: Any) -> Row:
    """A list of parts, one at least; the first field of each has to be there."""
    first, *others = one
    broken = {name: one[name] for name in others}
    missing: dict[str, Any] = {"code": Code.FIELD_MISSING, "below": f"/0/{first}"}
    beyond = [] if longest is None else [[_other(one, n) for n in range(longest + 1)]]
    return Row(
        takes=[[one], *(many[:-1] for many in beyond)],
        refuses=[
            no([], "It must not be empty"),
            no(one, "It has to be a list"),
            no(["x"], "It has to be an object", below="/0"),
            no([broken], f"The field {first!r} is missing", **missing),
            *(no(many, f"{longest} entries at most") for many in beyond),
        ],
        **more,
    )


def _other(one: dict[str, Any], number: int) -> dict[str, Any]:
    return {**one, "id": f"b{number}"} if "id" in one else one


def _items() -> Row:
    says = "It has to be a list or an expression"
    return Row(
        takes=[[], [1, {"$expr": "payload.a"}], {"$expr": "payload.lines"}],
        refuses=[no(value, says) for value in ("x", 5, {}, {"a": 1}, True, None)],
    )


def _item_var() -> Row:
    reserved = ("payload", "vars", "meta", "system", "error", "event", "index", "length")
    more = ("isFirst", "isLast", "and", "or", "in", "true", "false", "null", "function")
    return Row(
        takes=["item", "line", "_a", "A9_", "x" * 64],
        refuses=[
            *(no(it, "has a meaning of its own") for it in (*reserved, *more)),
            *(
                no(it, "It has to be a name: letters, digits and _, a letter first")
                for it in ("", "1a", "a-b", "a.b", "$a", "a b", "ä", "a\n", "x" * 65)
            ),
            no(5, "It has to be text"),
        ],
    )


def _concurrency() -> Row:
    whole_number = "It has to be a whole number or an expression"
    others: list[Any] = [1.5, "1", True, [], {}]
    return Row(
        takes=[1, 100, {"$expr": "payload.n"}],
        refuses=[
            no(0, "It has to be from 1 to 100"),
            no(101, "It has to be from 1 to 100"),
            *(no(it, whole_number) for it in others),
        ],
        default=1,
    )


CONTROL = {
    "IfStep": Example(
        document=step("control.if", condition=True, then=STEPS),
        where="/steps/0",
        rows={
            "type": kind("control.if"),
            "condition": condition(),
            "then": block(),
            "else": block(default=None),
        },
    ),
    "SwitchStep": Example(
        document=step("control.switch", cases=[CASE]),
        where="/steps/0",
        rows={
            "type": kind("control.switch"),
            "cases": several(CASE, None),
            "default": block(default=None),
        },
    ),
    "Case": Example(
        document=step("control.switch", cases=[CASE]),
        where="/steps/0/cases/0",
        rows={"when": condition(), "steps": block()},
    ),
    "ForEachStep": Example(
        document=step("control.forEach", **LOOP),
        where="/steps/0",
        rows={
            "type": kind("control.forEach"),
            "items": _items(),
            "itemVar": _item_var(),
            "body": block(),
            "concurrency": _concurrency(),
            "onItemError": choice("fail", "continue", "collect", default="fail"),
            "output": anything(
                default=None,
                beside={"saveAs": "vars.a"},
                refuses=[
                    no(1, "Nothing reads it: there is no 'saveAs'", saveAs=...),
                    no(..., "'saveAs' has nothing to save", code=Code.FIELD_MISSING),
                    no(
                        ...,
                        "'saveAs' has nothing to save",
                        code=Code.FIELD_MISSING,
                        onItemError="continue",
                    ),
                ],
            ),
            "saveAs": path(beside={"output": None}),
        },
    ),
    "ForEachStep that collects": Example(
        document=step("control.forEach", **LOOP, onItemError="collect"),
        where="/steps/0",
        rows={"saveAs": path()},
    ),
    "WhileStep": Example(
        document=step("control.while", condition=True, body=STEPS, maxIterations=1),
        where="/steps/0",
        rows={
            "type": kind("control.while"),
            "condition": condition(),
            "body": block(),
            "maxIterations": whole(1, MAX_ITERATIONS),
        },
    ),
    "BreakStep": Example(
        document=document(
            steps=[
                {"id": "l", "type": "control.forEach", **LOOP}
                | {"body": [{"id": "s", "type": "control.break"}]}
            ]
        ),
        where="/steps/0/body/0",
        rows={"type": kind("control.break")},
    ),
    "ContinueStep": Example(
        document=document(
            steps=[
                {"id": "l", "type": "control.forEach", **LOOP}
                | {"body": [{"id": "s", "type": "control.continue"}]}
            ]
        ),
        where="/steps/0/body/0",
        rows={"type": kind("control.continue")},
    ),
    "ParallelStep": Example(
        document=step("control.parallel", branches=[BRANCH]),
        where="/steps/0",
        rows={
            "type": kind("control.parallel"),
            "branches": several(BRANCH, 100),
            "join": choice("all", "any", "settled", default="all"),
            "saveAs": path(),
        },
    ),
    "Branch": Example(
        document=step("control.parallel", branches=[BRANCH]),
        where="/steps/0/branches/0",
        rows={
            "id": pattern(
                64,
                *("A", "a-b_c"),
                bad=["1a", "a.b"],
                says="It has to be 1 to 64 letters, digits, - and _, a letter first",
            ),
            "steps": block(),
            "output": anything(default=None),
        },
    ),
    "TryCatchStep": Example(
        document=step("control.tryCatch", **{"try": STEPS, "catch": STEPS}),
        where="/steps/0",
        rows={
            "type": kind("control.tryCatch"),
            "try": block(),
            "finally": block(default=None),
            "captureErrorAs": path(
                refuses=[
                    no(
                        "vars.a",
                        "Nothing is caught: there is no 'catch'",
                        **{"catch": ..., "finally": STEPS},
                    )
                ],
            ),
            "catchOn": error_names(
                refuses=[
                    no(
                        ["Timeout"],
                        "Nothing is caught: there is no 'catch'",
                        **{"catch": ..., "finally": STEPS},
                    )
                ],
            ),
        },
    ),
    "TryCatchStep without catch": Example(
        document=step("control.tryCatch", **{"try": STEPS, "finally": STEPS}),
        where="/steps/0",
        rows={
            "catch": block(
                default=None,
                refuses=[
                    no(
                        ...,
                        "It has neither 'catch' nor 'finally'",
                        code=Code.FIELD_MISSING,
                        **{"finally": ...},
                    )
                ],
            ),
        },
    ),
    "ThrowStep": Example(
        document=step("control.throw"),
        where="/steps/0",
        rows={
            "type": kind("control.throw"),
            "code": Row(
                takes=["A", "NOT_ELIGIBLE", "A" * 128],
                refuses=[
                    *(
                        no(it, "It has to be a code as in HTTP_NOT_FOUND")
                        for it in ("", "a", "Timeout", "A B", "1A", "A\n", "A" * 129)
                    ),
                    no(5, "It has to be text"),
                    no({"$expr": "'A'"}, "It has to be text"),
                ],
                default=None,
            ),
            "message": words(2000, line=False, default=None),
            "details": anything(default=None),
        },
    ),
    "SagaStep": Example(
        document=step("control.saga", steps=STEPS),
        where="/steps/0",
        rows={
            "type": kind("control.saga"),
            "steps": block(),
            "onFailure": choice("compensate", "park", default="compensate"),
        },
    ),
}
"""Examples of the steps of control, and of their parts, by the model's name."""
