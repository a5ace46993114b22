"""Sagas without undos, and undos without sagas."""

from __future__ import annotations

from typing import Any

from tests.core.validation.blocks import (
    ASKED,
    again,
    attempt,
    call,
    decide,
    found,
    label,
    loop,
    saga,
    together,
)

UNDO = {"actionId": "log.write", "version": 1, "inputMapping": {"message": "undone"}}


def child(**fields: Any) -> dict[str, Any]:
    """A call of another definition."""
    made = {"id": "child", "type": "control.callWorkflow", "workflowId": "onboard-client"}
    return {**made, **fields}


def test_an_undo_at_any_depth_is_enough() -> None:
    """In branches, loops, tries and conditions, of actions and of other definitions."""
    deep = together("p", [decide("i", [label("g")], [loop("l", call("c", undo=True))])])
    assert found(saga("s", label("h"), attempt("t", deep, catch=[label("k")]))) == []
    assert found(saga("s", again("w", child(compensate=UNDO), condition=ASKED))) == []


def test_a_saga_that_undoes_nothing_is_told() -> None:
    """Calls without an undo do not count, nor does one beside the saga."""
    assert found(saga("s", call("c"), child())) == ["SAGA_WITHOUT_COMPENSATE at /steps/0"]
    assert found(saga("s", saga("t", call("c", undo=True)), label("g")), saga("u", call("d"))) == [
        "SAGA_WITHOUT_COMPENSATE at /steps/1"
    ]


def test_a_saga_hands_its_undos_outwards_but_not_inwards() -> None:
    """So the outer one has what the inner one has, and the inner one only its own."""
    assert found(saga("s", saga("t", call("c", undo=True)))) == []
    assert found(saga("s", call("c", undo=True), saga("t", call("d")))) == [
        "SAGA_WITHOUT_COMPENSATE at /steps/0/steps/1"
    ]
    assert found(saga("s", saga("t", call("d")))) == [
        "SAGA_WITHOUT_COMPENSATE at /steps/0",
        "SAGA_WITHOUT_COMPENSATE at /steps/0/steps/0",
    ]


def test_an_undo_without_a_saga_is_told_where_it_stands() -> None:
    """Of an action in its config, of another definition in the step."""
    assert found(call("c", undo=True), child(compensate=UNDO)) == [
        "COMPENSATE_OUTSIDE_SAGA at /steps/0/config/compensate",
        "COMPENSATE_OUTSIDE_SAGA at /steps/1/compensate",
    ]
    assert found(attempt("t", saga("s", call("d", undo=True)), catch=[call("c", undo=True)])) == [
        "COMPENSATE_OUTSIDE_SAGA at /steps/0/catch/0/config/compensate"
    ]
