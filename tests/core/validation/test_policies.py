"""Policies: names that are never caught, retries without effect, limits that never pass."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.errors import Category
from tests.core.validation.blocks import attempt, call, found, label

RETRY: dict[str, Any] = {"maxAttempts": 3, "backoffMs": 1000}


@pytest.mark.parametrize("name", ["Cancelled", "EXPRESSION_TIMEOUT", "RUN_TIMEOUT"])
def test_what_ends_the_run_is_never_caught_nor_tried_again(name: str) -> None:
    """Each such name is told, also beside others."""
    assert found(attempt("t", label("g"), catch=[label("h")], catchOn=["Timeout", name])) == [
        "ERROR_NOT_CATCHABLE at /steps/0/catchOn/1"
    ]
    again = {**RETRY, "retryOn": [name, "Transient"]}
    assert found(call("c", retry=again)) == ["ERROR_NOT_CATCHABLE at /steps/0/retry/retryOn/0"]
    child = {"id": "c", "type": "control.callWorkflow", "workflowId": "onboard-client"}
    assert found({**child, "retry": again}) == ["ERROR_NOT_CATCHABLE at /steps/0/retry/retryOn/0"]


def test_all_other_categories_and_codes_can_be_caught() -> None:
    """Those of the engine and those that nobody has heard of."""
    names = [name for name in Category if name is not Category.CANCELLED]
    names_and_codes = [*names, "WAIT_TIMEOUT", "CONDITION_NOT_BOOLEAN", "MY_OWN"]
    assert found(attempt("t", label("g"), catch=[label("h")], catchOn=names_and_codes)) == []


@pytest.mark.parametrize(
    "retry",
    [
        {"maxAttempts": 1, "backoffMs": 0},
        {"maxAttempts": 1, "backoffMs": 1000},
        {"maxAttempts": 2, "backoffMs": 1000, "maxDelayMs": 1000, "maxElapsed": "PT1S"},
        {"maxAttempts": 3, "backoffMs": 1000, "backoffMultiplier": 1, "jitter": False},
        {"maxAttempts": 3, "backoffMs": 0, "maxElapsed": "PT0.1S", "jitter": True},
        {"maxAttempts": 9, "backoffMs": 90000, "maxDelayMs": 90000, "maxElapsed": "P1M"},
    ],
)
def test_a_retry_whose_settings_count_is_left_alone(retry: dict[str, Any]) -> None:
    """At the borders, too."""
    assert found(call("c", retry=retry)) == []


@pytest.mark.parametrize(
    ("retry", "fields"),
    [
        ({"maxAttempts": 1, "backoffMs": 9, "jitter": False, "maxDelayMs": 1}, ["maxAttempts"]),
        ({"maxAttempts": 1, "backoffMs": 9, "retryOn": ["Transient"]}, ["maxAttempts"]),
        ({**RETRY, "maxDelayMs": 999}, ["maxDelayMs"]),
        ({**RETRY, "maxElapsed": "PT0.999S"}, ["maxElapsed"]),
        ({**RETRY, "maxDelayMs": 500, "maxElapsed": "PT0.6S"}, ["maxDelayMs"]),
        ({"maxAttempts": 2, "backoffMs": 9, "backoffMultiplier": 3}, ["backoffMultiplier"]),
        ({"maxAttempts": 9, "backoffMs": 0, "backoffMultiplier": 3}, ["backoffMultiplier"]),
        (
            {"maxAttempts": 2, "backoffMs": 9, "maxDelayMs": 8, "backoffMultiplier": 2},
            ["maxDelayMs", "backoffMultiplier"],
        ),
    ],
)
def test_a_setting_without_effect_is_told(retry: dict[str, Any], fields: list[str]) -> None:
    """At the setting that is to blame."""
    assert found(call("c", retry=retry)) == [
        f"RETRY_INEFFECTIVE at /steps/0/retry/{field}" for field in retry if field in fields
    ]


def wait(**config: Any) -> dict[str, Any]:
    return {"id": "wait", "type": "time.wait", "config": {"mode": "duration", **config}}


@pytest.mark.parametrize(
    ("duration", "timeout"),
    [
        ("P7D", "P7D"),
        ("P1M", "P28D"),
        ("P1M", "P4W"),
        ("P1Y", "P12M"),
        ("P12M", "P365D"),
        ("PT24H", "P1D"),
        ("PT25H", "P1D"),
        ("P1D", "PT23H"),
        ("P31D", "P1M"),
    ],
)
def test_a_duration_that_may_be_short_enough_is_left_alone(duration: str, timeout: str) -> None:
    """Months have 28 days at least and 31 at most, and clocks are changed twice a year."""
    assert found(wait(duration=duration), timeout=timeout) == []


@pytest.mark.parametrize(
    ("duration", "timeout"),
    [("P8D", "P7D"), ("P1M", "P26D"), ("P2M", "P1M"), ("P366D", "P11M"), ("PT61M", "PT1H")],
)
def test_a_duration_that_is_certainly_too_long_is_told(duration: str, timeout: str) -> None:
    """Whenever it begins."""
    exceeded = ["TIMEOUT_EXCEEDED at /steps/0/config/duration"]
    assert found(wait(duration=duration), timeout=timeout) == exceeded


def test_milliseconds_are_compared_like_durations() -> None:
    """On either side."""
    assert found(wait(durationMs=1001), timeout="PT1S") == [
        "TIMEOUT_EXCEEDED at /steps/0/config/durationMs"
    ]
    assert found(wait(durationMs=1000), timeout="PT1S") == []
    assert found(wait(duration="PT1S"), timeoutMs=1000) == []
    assert found(wait(duration="PT1.001S"), timeoutMs=1000) == [
        "TIMEOUT_EXCEEDED at /steps/0/config/duration"
    ]


def test_expressions_are_not_compared_nor_is_what_has_no_limit() -> None:
    """There is nothing certain to say of either."""
    assert found(wait(duration={"$expr": "payload.days"}), timeout="PT1S") == []
    until = {"mode": "until", "until": "2099-01-01T00:00:00Z"}
    assert found({"id": "w", "type": "time.wait", "config": until}, timeout="PT1S") == []
    assert found(wait(duration="P1D"), timeout=None) == []


def test_all_limits_of_waits_and_calls_are_compared() -> None:
    """Timeouts, due dates, reminders, and the time that attempts may take."""
    task = {
        "taskType": "t",
        "title": "T",
        "form": {"type": "object"},
        "assignees": ["ada"],
        "dueIn": "P3D",
        "remindEvery": "P2D",
        "timeout": "P4D",
    }
    event = {"eventName": "ORDER_SHIPPED", "lookback": "P30D", "timeoutMs": 172_800_000}
    assert found(
        {"id": "task", "type": "human.task", "config": task},
        {"id": "event", "type": "event.wait", "config": event},
        call("call", timeout="P5D", retry={**RETRY, "maxElapsed": "P6D"}),
        {"id": "work", "type": "time.wait", "config": {"mode": "businessTime", "duration": "P2D"}},
        timeout="P1D",
    ) == [
        "TIMEOUT_EXCEEDED at /steps/0/config/dueIn",
        "TIMEOUT_EXCEEDED at /steps/0/config/remindEvery",
        "TIMEOUT_EXCEEDED at /steps/0/config/timeout",
        "TIMEOUT_EXCEEDED at /steps/1/config/timeoutMs",
        "TIMEOUT_EXCEEDED at /steps/2/config/timeout",
        "TIMEOUT_EXCEEDED at /steps/2/retry/maxElapsed",
        "TIMEOUT_EXCEEDED at /steps/3/config/duration",
    ]


def test_what_cleans_up_may_take_longer_than_the_run() -> None:
    """A finally runs to its end, also after the run's timeout."""
    slow = attempt("t", label("g"), **{"finally": [call("c", timeout="P1D")]})
    assert found(slow, timeout="PT1H") == []
