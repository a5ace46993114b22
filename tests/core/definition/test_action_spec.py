"""An action's contract as data."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from alga_workflows_core.definition.action_spec import (
    ActionKind,
    ActionSpec,
    PinnedAction,
    RetrySpec,
)

SPEC = ActionSpec(
    id="billing.charge",
    version=3,
    kind=ActionKind.IDEMPOTENT,
    short=True,
    timeout=1.5,
    retry=RetrySpec(max_attempts=5, first_delay=0.5, multiplier=3.0, max_delay=9.0),
    queue="billing",
    description="Charge a customer.",
    input_schema={"type": "object"},
    output_schema={"type": "object"},
)


def test_a_version_keeps_what_decides_how_an_action_is_called() -> None:
    """All that a run needs to know, and none of what only people and validation need."""
    assert SPEC.pinned().model_dump(mode="json", by_alias=True) == {
        "id": "billing.charge",
        "version": 3,
        "kind": "idempotent",
        "short": True,
        "timeout": 1.5,
        "retry": {"maxAttempts": 5, "firstDelay": 0.5, "multiplier": 3.0, "maxDelay": 9.0},
        "queue": "billing",
    }


def test_what_is_kept_can_be_read_again() -> None:
    """From the row of a version, and from the history of a run."""
    row = SPEC.pinned().model_dump(mode="json", by_alias=True)
    assert PinnedAction.model_validate(row) == SPEC.pinned()
    assert PinnedAction.model_validate_json(SPEC.pinned().model_dump_json()) == SPEC.pinned()


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": 86401},
        {"kind": "harmless"},
        {"retry": {"maxAttempts": 0}},
        {"retry": {"maxAttempts": 101}},
        {"retry": {"firstDelay": 0}},
        {"retry": {"multiplier": 0.5}},
        {"retry": {"firstDelay": 10.5}},
        {"retry": {"maxDelay": 10.5}},
        {"retry": {"maxDelay": float("inf")}},
        {"surprise": 1},
    ],
)
def test_figures_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """A contract that Temporal would refuse, or that would retry for ever, is not made."""
    with pytest.raises(ValidationError):
        PinnedAction.model_validate({**SPEC.pinned().model_dump(mode="json"), **wrong})
