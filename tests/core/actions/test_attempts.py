"""Whether another attempt follows soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alga_workflows_core.actions.attempts import Patience, postponed
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.definition.action_spec import RetrySpec
from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.retrying import LONGEST_MS, pointless_before

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ERROR = ErrorInfo(code="BUSY", category=Category.TRANSIENT, message="Busy.", retryable=True)


def seconds(attempt: int = 1, error: ErrorInfo = ERROR, ago: float = 0, **policy: Any) -> Any:
    """Until the next attempt by a document's policy, or by the action's own if there is none."""
    document = {"maxAttempts": 5, "backoffMs": 1000, "jitter": False, **policy} if policy else None
    patience = Patience(
        policy=None if document is None else RetryPolicy.model_validate(document),
        spec=RetrySpec(max_attempts=4, first_delay=1, multiplier=3, max_delay=5),
        first_at=NOW - timedelta(seconds=ago),
    )
    wait = patience.next(error, attempt=attempt, now=NOW, chance=0.5)
    return None if wait is None else wait.total_seconds()


def test_the_action_s_own_delays_grow_to_their_longest() -> None:
    """And end with its number of attempts, whoever began to count."""
    assert [seconds(attempt) for attempt in (1, 2, 3, 4, 5)] == [1, 3, 5, None, None]
    assert seconds(error=replace(ERROR, retryable=False)) is None
    assert seconds(ago=24 * 3600) is None


def test_a_document_s_policy_takes_the_place_of_the_action_s_own() -> None:
    """With its own delays, number, errors and time."""
    assert [seconds(attempt, backoffMs=2000) for attempt in (1, 2, 3, 5)] == [2, 4, 8, None]
    assert seconds(4, backoffMs=2000) is None  # sixteen seconds: the run waits for it
    assert seconds(jitter=True) == 0.75
    assert seconds(retryOn=["BUSY"], error=replace(ERROR, retryable=False)) == 1
    assert seconds(retryOn=["Timeout"]) is None
    assert seconds(maxElapsed="PT60S", ago=58) == 1
    assert seconds(maxElapsed="PT60S", ago=60) is None


@pytest.mark.parametrize(
    ("told", "waits"),
    [(0.5, 1), (4, 4), (10, 10), (10.1, None), (-1, 1), ("4", 1), (True, 1), (None, 1)],
)
def test_what_the_target_said_is_waited_for_if_it_is_short(told: Any, waits: Any) -> None:
    """What is no number says nothing."""
    error = replace(ERROR, details={"retryAfter": told})
    assert seconds(error=error, backoffMs=1000) == waits
    assert seconds(error=error) == waits


def test_nobody_waits_for_longer_than_thirty_days() -> None:
    """Whatever a target says."""
    for told in (1e12, float("inf")):
        error = replace(ERROR, details={"retryAfter": told})
        assert pointless_before(error) == timedelta(milliseconds=LONGEST_MS)


def test_an_error_tells_the_run_when_to_come_again() -> None:
    """Beside its own details, also if those are too large; what is no time is left out."""
    for details in ({}, {"big": "x" * 9000}):
        error = ActionError("BUSY", "Busy.", retry_after=90, details=details)
        assert pointless_before(error.info()) == timedelta(seconds=90)
    endless = ActionError("BUSY", "Busy.", retry_after=float("inf"))
    assert endless.info().details is None


def test_what_could_not_be_tried_is_tried_less_and_less_often() -> None:
    """Soon at first, then each ten seconds."""
    waits = [postponed(number).total_seconds() for number in (1, 2, 3, 4, 5, 6, 9999)]
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
