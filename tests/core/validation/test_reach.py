"""Reach: what can never run is told, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.validation.findings import Severity
from tests.core.validation.blocks import (
    ASKED,
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
    said,
    together,
)

LATE = label("late")
BEHIND = ["STEP_UNREACHABLE at /steps/1"]


def switch(*whens: Any, default: list[Step] | None = None, steps: list[Step]) -> Step:
    """A `control.switch` whose cases all do the same."""
    cases = [
        {"when": when, "steps": [{**step, "id": f"{step['id']}{number}"} for step in steps]}
        for number, when in enumerate(whens)
    ]
    made: Step = {"id": "route", "type": "control.switch", "cases": cases}
    return made if default is None else {**made, "default": default}


ENDS: dict[str, Step] = {
    "return": end("e"),
    "throw": end("e", "throw"),
    "if of which both blocks end": decide("i", [end("e")], [end("f", "throw")]),
    "if that is always true": decide("i", [end("e")], condition=True),
    "switch of which all blocks end": switch(ASKED, ASKED, steps=[end("e")], default=[end("f")]),
    "switch with a case that is always true": switch(ASKED, True, steps=[end("e")]),
    "try and catch": attempt("t", end("e"), catch=[end("f", "throw")]),
    "try without catch": attempt("t", end("e"), **{"finally": [label("f")]}),
    "finally": attempt("t", label("g"), **{"finally": [end("e")]}),
    "saga": saga("s", call("c", undo=True), end("e", "throw")),
    "branch of all that returns": together("p", [label("g")], [end("e")]),
    "branch of all that throws": together("p", [end("e", "throw")], [label("g")]),
    "all branches of any": together("p", [end("e")], [end("f", "throw")], join="any"),
    "while without break": again("w", label("g")),
    "while whose break is never reached": again("w", end("e"), end("f", "break")),
    "while whose break leaves an inner loop": again("w", loop("l", end("f", "break"))),
    "while in a try": attempt("t", again("w", label("g")), catch=[end("e")]),
}

GOES_THROUGH: dict[str, Step] = {
    "if without else": decide("i", [end("e")]),
    "if with a block that goes through": decide("i", [end("e")], [label("g")]),
    "switch without default": switch(ASKED, ASKED, steps=[end("e")]),
    "switch with a case that goes through": switch(ASKED, steps=[end("e")], default=[label("g")]),
    "catch": attempt("t", end("e", "throw"), catch=[label("g")]),
    "try that may fail before its return": attempt("t", call("c"), end("e"), catch=[label("g")]),
    "forEach without items": loop("l", end("e")),
    "forEach with literal items": loop("l", end("e"), items=[1, 2]),
    "while that may not begin": again("w", end("e"), condition=ASKED),
    "while with a break": again("w", decide("i", [end("e", "break")])),
    "while with a break in a finally": again(
        "w", attempt("t", call("c"), catch=[end("e", "break")], **{"finally": [label("g")]})
    ),
    "branch of settled": together("p", [label("g")], [end("e")], join="settled"),
    "all branches of settled": together(
        "p", [call("c"), end("e")], [end("f", "throw")], join="settled"
    ),
    "one branch of any": together("p", [label("g")], [end("e", "throw")], join="any"),
    "parked saga": saga("s", call("c", undo=True), end("e", "throw"), onFailure="park"),
    "call that may fail": call("c"),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_behind_it_is_never_reached(name: str) -> None:
    """Whatever way it takes, it ends before; that is a warning."""
    told = [each for each in findings(ENDS[name], LATE) if each.path == "/steps/1"]
    assert [each.code for each in told] == ["STEP_UNREACHABLE"]
    assert told[0].severity is Severity.WARNING


@pytest.mark.parametrize("name", GOES_THROUGH)
def test_what_is_behind_it_may_be_reached(name: str) -> None:
    """There is a way on, if only because something may fail."""
    assert found(GOES_THROUGH[name], LATE) == []


def test_only_the_first_step_of_the_rest_is_told() -> None:
    """What follows it is not, nor is what is inside of it."""
    inner = decide("i", [end("f"), label("g")])
    assert found(end("e"), inner, label("h")) == BEHIND


def test_each_block_is_told_for_itself() -> None:
    """In the order of the document."""
    assert found(decide("i", [end("a"), label("b")], [end("c"), label("d")])) == [
        "STEP_UNREACHABLE at /steps/0/then/1",
        "STEP_UNREACHABLE at /steps/0/else/1",
    ]


def test_a_jump_ends_the_turn_only() -> None:
    """What is behind it in the loop is not reached, what is behind the loop is."""
    for kind in ("break", "continue"):
        assert found(loop("l", end("e", kind), label("g")), LATE) == [
            "STEP_UNREACHABLE at /steps/0/body/1"
        ]


def test_a_block_that_is_never_chosen_is_told_at_its_first_step() -> None:
    """Conditions and items that are literals decide before the run does."""
    no = [label("no"), label("never")]
    yes = [label("yes")]
    assert found(decide("i", no, yes, condition=False)) == ["STEP_UNREACHABLE at /steps/0/then/0"]
    assert found(decide("i", yes, no, condition=True)) == ["STEP_UNREACHABLE at /steps/0/else/0"]
    assert found(decide("i", no, condition=False)) == ["STEP_UNREACHABLE at /steps/0/then/0"]
    assert found(again("w", *no, condition=False)) == ["STEP_UNREACHABLE at /steps/0/body/0"]
    assert found(loop("l", *no, items=[])) == ["STEP_UNREACHABLE at /steps/0/body/0"]


def test_cases_behind_one_that_is_always_true_are_told() -> None:
    """And the default; before it only those that are always false."""
    assert found(switch(False, ASKED, True, ASKED, True, steps=yes(), default=[label("d")])) == [
        "STEP_UNREACHABLE at /steps/0/cases/0/steps/0",
        "STEP_UNREACHABLE at /steps/0/cases/3/steps/0",
        "STEP_UNREACHABLE at /steps/0/cases/4/steps/0",
        "STEP_UNREACHABLE at /steps/0/default/0",
    ]


def yes() -> list[Step]:
    return [label("yes")]


def test_a_block_that_is_never_chosen_does_not_let_anything_through() -> None:
    """What is left decides whether the rest is reached."""
    assert found(decide("i", [end("e")], [label("g")], condition=True), LATE) == [
        "STEP_UNREACHABLE at /steps/0/else/0",
        *BEHIND,
    ]
    assert found(decide("i", [end("e")], [label("g")], condition=False), LATE) == [
        "STEP_UNREACHABLE at /steps/0/then/0",
    ]


def test_a_finding_says_why_in_the_terms_of_the_document() -> None:
    """It names the step that ends, or how the ways through it end."""
    assert said(end("e"), LATE) == "Step 'late' is never reached: 'e' ends the run before it."
    both = decide("i", [end("e")], [end("f", "throw")])
    assert said(both, LATE) == (
        "Step 'late' is never reached: every way through 'i' ends in control.return or "
        "control.throw."
    )
    assert "no control.break leaves it" in said(again("w", label("g")), LATE)
    assert "'l' has no items" in said(loop("l", LATE, items=[]))
