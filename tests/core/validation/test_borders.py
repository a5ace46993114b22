"""Borders: jumps and rethrows that lead nowhere, and more at a time than a run may have."""

from __future__ import annotations

import pytest

from alga_workflows_core.validation.checks.borders import MAX_CONCURRENCY
from alga_workflows_core.validation.findings import Severity
from tests.core.validation.blocks import (
    LIST,
    Step,
    again,
    attempt,
    call,
    decide,
    end,
    findings,
    found,
    label,
    loop,
    saga,
    together,
)

BREAK = end("jump", "break")
CONTINUE = end("jump", "continue")
MAYBE = {"$expr": "payload.lanes"}


@pytest.mark.parametrize("jump", [BREAK, CONTINUE], ids=["break", "continue"])
def test_a_jump_needs_a_loop(jump: Step) -> None:
    """Without one it leads nowhere, whatever else is around it, borders too."""
    assert found(jump) == ["BREAK_OUTSIDE_LOOP at /steps/0"]
    assert found(decide("i", [jump])) == ["BREAK_OUTSIDE_LOOP at /steps/0/then/0"]
    assert found(together("p", [jump], [label("g")])) == [
        "BREAK_OUTSIDE_LOOP at /steps/0/branches/0/steps/0"
    ]
    assert found(loop("l", label("g")), jump) == ["BREAK_OUTSIDE_LOOP at /steps/1"]


@pytest.mark.parametrize("jump", [BREAK, CONTINUE], ids=["break", "continue"])
def test_a_jump_leaves_all_blocks_but_branches_and_finallies(jump: Step) -> None:
    """Conditions, tries, catches and sagas up to the nearest loop."""
    tried = attempt("t", decide("i", [jump]), catch=[label("g")])
    assert found(loop("l", saga("s", call("c", undo=True), tried))) == []
    assert (
        found(again("w", attempt("t", label("g"), catch=[decide("i", [jump])]), condition=MAYBE))
        == []
    )


@pytest.mark.parametrize("jump", [BREAK, CONTINUE], ids=["break", "continue"])
def test_a_jump_does_not_leave_a_branch_or_a_finally(jump: Step) -> None:
    """Unless the loop is inside of it, too."""
    inner = decide("i", [jump])
    clean_up = {"finally": [inner]}
    assert found(loop("l", together("p", [inner], [label("g")]))) == [
        "JUMP_ACROSS_BORDER at /steps/0/body/0/branches/0/steps/0/then/0"
    ]
    assert found(loop("l", attempt("t", label("g"), **clean_up))) == [
        "JUMP_ACROSS_BORDER at /steps/0/body/0/finally/0/then/0"
    ]
    assert found(together("p", [loop("l", inner)], [label("g")])) == []
    assert found(attempt("t", label("g"), **{"finally": [loop("l", inner)]})) == []


def test_the_innermost_border_is_named() -> None:
    """That is the one to do something about first."""
    branch = together("p", [attempt("t", label("g"), **{"finally": [decide("i", [BREAK])]})])
    (only,) = findings(loop("l", branch))
    assert only.message == "'jump' would jump out of the finally of 't', to the loop 'l'."


def test_only_a_break_is_refused_where_items_run_at_the_same_time() -> None:
    """And only if the loop that it leaves is the one with several items at a time."""
    leave, skip = decide("i", [BREAK]), decide("i", [CONTINUE])
    assert found(loop("l", leave, concurrency=2)) == [
        "BREAK_IN_CONCURRENT_LOOP at /steps/0/body/0/then/0"
    ]
    assert found(loop("l", skip, concurrency=2)) == []
    assert found(loop("l", leave, concurrency=1)) == []
    assert found(loop("l", again("w", leave, condition=MAYBE), concurrency=2)) == []
    inner = loop("m", leave, itemVar="cell")
    assert found(loop("l", inner, concurrency=2)) == []


def test_a_break_where_the_concurrency_is_not_known_is_a_warning() -> None:
    """It works as long as the expression gives 1."""
    (only,) = findings(loop("l", decide("i", [BREAK]), concurrency=MAYBE))
    assert (only.code, only.severity) == ("BREAK_IN_CONCURRENT_LOOP", Severity.WARNING)


def test_a_rethrow_needs_a_catch() -> None:
    """At whatever depth: in a branch, another try or a loop of the catch; not in its finally."""
    again_ = {"id": "again", "type": "control.throw"}
    deep = attempt("u", decide("i", [again_]), **{"finally": [label("h")]})
    inside = [together("p", [deep]), loop("l", label("k"))]
    assert found(attempt("t", label("g"), catch=inside)) == []
    assert found(attempt("t", label("g"), catch=[label("h")], **{"finally": [again_]})) == [
        "RETHROW_OUTSIDE_CATCH at /steps/0/finally/0"
    ]
    assert found(attempt("t", again_, catch=[label("h")])) == [
        "RETHROW_OUTSIDE_CATCH at /steps/0/try/0"
    ]


@pytest.mark.parametrize("field", [{"code": "A"}, {"message": "No."}, {"details": None}])
def test_a_throw_of_its_own_needs_none(field: dict[str, str | None]) -> None:
    """One field is enough, whatever it holds."""
    assert found({"id": "fail", "type": "control.throw", **field}) == []


def _wide(name: str, lanes: int) -> Step:
    return loop(name, label(f"{name}-leaf"), concurrency=lanes)


def test_lanes_inside_each_other_multiply() -> None:
    """The loop that makes them too many is told, and no loop around it."""
    fits = loop("l", loop("m", label("g"), itemVar="cell", concurrency=10), concurrency=10)
    assert found(fits) == []
    wide = loop("m", label("g"), itemVar="cell", concurrency=MAX_CONCURRENCY)
    assert found(loop("l", wide, concurrency=2)) == ["CONCURRENCY_TOO_HIGH at /steps/0/concurrency"]
    branches = together("p", [_wide("a", 60)], [_wide("b", 41)])
    assert found(loop("l", decide("i", [branches]), concurrency=3, itemVar="cell")) == [
        "CONCURRENCY_TOO_HIGH at /steps/0/body/0/then/0/branches"
    ]


def test_branches_add_up() -> None:
    """Each counts what is in it at its widest."""
    assert found(together("p", [_wide("a", 60)], [_wide("b", 40)])) == []
    assert found(together("p", [_wide("a", 60)], [_wide("b", 40)], [label("g")])) == [
        "CONCURRENCY_TOO_HIGH at /steps/0/branches"
    ]


def test_what_follows_each_other_does_not_add_up() -> None:
    """Nor do blocks of which one is chosen."""
    assert found(_wide("a", 100), _wide("b", 100)) == []
    assert found(decide("i", [_wide("a", 100)], [_wide("b", 100)])) == []
    assert found(attempt("t", _wide("a", 100), catch=[_wide("b", 100)])) == []


def test_a_loop_has_no_more_lanes_than_items() -> None:
    """As far as these are a literal; an expression's number is not known and counts as one."""
    inner = loop("m", label("g"), itemVar="cell", concurrency=50)
    assert found(loop("l", inner, items=[1, 2], concurrency=10)) == []
    assert found(loop("l", inner, items=[1, 2, 3], concurrency=10)) == [
        "CONCURRENCY_TOO_HIGH at /steps/0/concurrency"
    ]
    assert found(loop("l", inner, items=LIST, concurrency=MAYBE)) == []
