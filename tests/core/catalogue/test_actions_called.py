"""Which actions a document calls, and so which contracts its version pins."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.catalogue.actions import actions_called


def named(action_id: str, version: int = 1) -> dict[str, Any]:
    """A call of an action, or its undo."""
    return {"actionId": action_id, "version": version, "inputMapping": {}}


def test_calls_and_undos_at_any_depth() -> None:
    """Those that undo a step are called too, whichever kind of step it is."""
    booking = {
        "id": "book",
        "type": "action.call",
        "config": {**named("hotel.book", 2), "compensate": named("hotel.cancel")},
    }
    child = {
        "id": "pay",
        "type": "control.callWorkflow",
        "workflowId": "payment",
        "compensate": named("payment.refund", 3),
    }
    saga = {"id": "trip", "type": "control.saga", "steps": [booking, child]}
    branch = {"id": "one", "steps": [saga]}
    parallel = {"id": "all", "type": "control.parallel", "branches": [branch]}
    assert actions_called({"id": "trip", "name": "Trip", "steps": [parallel]}) == {
        ("hotel.book", 2),
        ("hotel.cancel", 1),
        ("payment.refund", 3),
    }


NO_DEFINITIONS: list[Any] = [
    None,
    [],
    "text",
    {"steps": None},
    {"steps": [1, None, []]},
    {"steps": [{"type": "action.call", "config": None}]},
    {"steps": [{"type": "action.call", "config": {"actionId": 1, "version": 1}}]},
    {"steps": [{"type": "action.call", "config": {"actionId": "a\x00", "version": 1}}]},
    {"steps": [{"type": "action.call", "config": {"actionId": "a", "version": "1"}}]},
]


@pytest.mark.parametrize("document", NO_DEFINITIONS)
def test_a_document_may_be_anything(document: Any) -> None:
    """A draft that is no definition calls what can be read of it, here nothing."""
    assert actions_called(document) == set()
