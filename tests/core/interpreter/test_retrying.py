"""The delay between attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.retrying import LONGEST_MS, delay, pointless_before


def policy(**fields: Any) -> RetryPolicy:
    """A policy with a second's backoff."""
    return RetryPolicy.model_validate({"maxAttempts": 1000, "backoffMs": 1000, **fields})


def test_it_doubles() -> None:
    """From `backoffMs`, by two where the policy gives no other factor."""
    plain = policy(jitter=False)
    assert [delay(plain, attempt, 0.9).total_seconds() for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 4.0), (0.5, 3.0), (0.999, 2.002)])
def test_jitter_shortens_by_up_to_a_half(chance: float, seconds: float) -> None:
    """It is never longer than the policy says, and never shorter than half of that."""
    assert delay(policy(), 3, chance) == timedelta(seconds=seconds)


def test_jitter_comes_after_the_longest_delay() -> None:
    """So that what has reached `maxDelayMs` still does not come all at once."""
    assert delay(policy(maxDelayMs=2000), 9, 0.5) == timedelta(seconds=1.5)


def test_no_delay_is_longer_than_thirty_days() -> None:
    """Whatever the factor makes of it, also where no number can hold it."""
    longest = timedelta(milliseconds=LONGEST_MS)
    steep = policy(backoffMultiplier=100, jitter=False)
    assert delay(steep, 20, 0.0) == longest
    assert delay(steep, 1000, 0.0) == longest


@pytest.mark.parametrize("told", [None, True, "9", -1, 0])
def test_an_error_that_tells_no_time_is_tried_again_whenever(told: Any) -> None:
    """`retryAfter` may be anything where an author raised the error."""
    error = ErrorInfo(
        code="BUSY", category=Category.ACTION, message="", details={"retryAfter": told}
    )
    assert pointless_before(error) == timedelta()


def test_an_error_may_tell_how_long_another_attempt_is_pointless() -> None:
    """In seconds; thirty days at most."""
    for told, seconds in ((1.5, 1.5), (1e15, LONGEST_MS / 1000)):
        error = ErrorInfo(
            code="BUSY", category=Category.ACTION, message="", details={"retryAfter": told}
        )
        assert pointless_before(error).total_seconds() == seconds
