"""Outcomes as a cursor keeps them."""

from __future__ import annotations

import json

import pytest

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.outcome import (
    Broke,
    Cancelled,
    Continued,
    Failed,
    Outcome,
    Returned,
    Settled,
    as_json,
    from_json,
)

ERROR = ErrorInfo(code="BAD", category=Category.ACTION, message="It failed.", details={"n": 1})


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        Broke(),
        Continued(),
        Returned({"n": [1, None]}),
        Returned(None),
        Failed(ERROR),
        Cancelled(ERROR),
    ],
)
def test_an_outcome_is_kept_as_json(outcome: Outcome) -> None:
    """It is the same when it is read."""
    assert from_json(json.loads(json.dumps(as_json(outcome)))) == outcome


def test_a_settled_step_has_no_outcome_to_keep() -> None:
    """It goes on elsewhere; keeping that as its end would be a fault of the interpreter."""
    with pytest.raises(ValueError, match="has not ended"):
        as_json(Settled())
