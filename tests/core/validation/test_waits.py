"""Waits: which ones end, which calendars are there, which filters use up another wait's events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alga_workflows_core.validation.findings import Code, Severity
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE

Step = dict[str, Any]


def document(*steps: Step, **members: Any) -> dict[str, Any]:
    return {**SMALLEST, "steps": list(steps), **members}


def found(code: Code, *steps: Step, **members: Any) -> list[str]:
    """The places of the findings with this code."""
    findings = validate(document(*steps, **members), CATALOGUE).findings
    return [each.path for each in findings if each.code is code]


def wait(name: str, *values: Any, key: Any = ..., event: str = "ORDER_SHIPPED") -> Step:
    """A wait that filters by `payload.state`, which has to be each of `values`."""
    config: dict[str, Any] = {"eventName": event, "timeout": "P1D"}
    if values:
        config["filters"] = [{"path": "payload.state", "op": "=", "value": each} for each in values]
    if key is not ...:
        config["correlationKey"] = key
    return {"id": name, "type": "event.wait", "config": config}


def endless(name: str) -> Step:
    return {"id": name, "type": "event.wait", "config": {"eventName": "ORDER_SHIPPED"}}


def parallel(join: str, *branches: list[Step]) -> Step:
    listed = [{"id": f"b{index}", "steps": steps} for index, steps in enumerate(branches)]
    return {"id": "at-once", "type": "control.parallel", "join": join, "branches": listed}


def either(then: list[Step], otherwise: list[Step] | None = None) -> Step:
    made: Step = {"id": "if", "type": "control.if", "condition": {"$expr": "payload.x = 1"}}
    return {**made, "then": then} | ({"else": otherwise} if otherwise else {})


PAUSE: Step = {
    "id": "pause",
    "type": "time.wait",
    "config": {"mode": "duration", "duration": "P1D"},
}
END: Step = {"id": "end", "type": "control.return"}
THROW: Step = {"id": "no", "type": "control.throw", "code": "NO"}


@pytest.mark.parametrize("members", [{"timeout": "P9D"}, {"timeoutMs": 1000}])
def test_a_run_that_ends_ends_its_waits(members: dict[str, Any]) -> None:
    """With a timeout of the definition no wait needs its own."""
    assert found(Code.WAIT_WITHOUT_TIMEOUT, endless("a")) == ["/steps/0/config"]
    assert found(Code.WAIT_WITHOUT_TIMEOUT, endless("a"), **members) == []


def test_a_wait_that_competes_with_something_that_ends_is_no_danger() -> None:
    """In `join: any`, that is; the other joins wait for all branches."""
    code, place = Code.WAIT_WITHOUT_TIMEOUT, "/steps/0/branches/0/steps/0/config"
    assert found(code, parallel("any", [endless("a")], [PAUSE])) == []
    assert found(code, parallel("any", [wait("b"), endless("a")], [PAUSE])) == []
    assert found(code, parallel("all", [endless("a")], [PAUSE])) == [place]
    assert found(code, parallel("settled", [endless("a")], [PAUSE])) == [place]
    assert found(code, parallel("any", [endless("a")], [PAUSE, endless("b")])) == [
        place,
        "/steps/0/branches/1/steps/1/config",
    ]


def test_a_wait_for_several_events_ends_as_a_whole() -> None:
    """Its timeout stands beside `any` and `all`."""
    for name in ("any", "all"):
        config: dict[str, Any] = {name: [{"eventName": "ORDER_SHIPPED"}]}
        step = {"id": "a", "type": "event.wait", "config": config}
        assert found(Code.WAIT_WITHOUT_TIMEOUT, step) == ["/steps/0/config"]
        config["timeoutMs"] = 5
        assert found(Code.WAIT_WITHOUT_TIMEOUT, step) == []


NIGHTS: Step = {
    "id": "a",
    "type": "time.wait",
    "config": {"mode": "businessTime", "duration": "PT1H", "calendar": "nights"},
}
OWN: Step = {**NIGHTS, "config": {"mode": "businessTime", "duration": "PT1H"}}


def test_of_unknown_calendars_nothing_is_said_where_none_are_known() -> None:
    """As when a file is validated far from any tenant."""
    assert found(Code.CALENDAR_UNKNOWN, NIGHTS) == ["/steps/0/config/calendar"]
    unknown = replace(CATALOGUE, calendars=None)
    for step in (NIGHTS, OWN):
        assert validate(document(step), unknown).findings == []


@pytest.mark.parametrize(
    ("calendars", "suggestion"),
    [({"default"}, "Leave it out for the tenant's own."), ({"late"}, None), ({"night"}, "'night'")],
)
def test_what_to_do_about_an_unknown_calendar(calendars: set[str], suggestion: str | None) -> None:
    """The nearest name, or none at all if the tenant has a calendar of its own."""
    some = replace(CATALOGUE, calendars=frozenset(calendars))
    (only,) = validate(document(NIGHTS), some).findings
    assert (suggestion or "") in (only.suggestion or "")
    assert (only.suggestion is None) is (suggestion is None)


def test_without_a_name_the_tenant_needs_a_calendar_of_its_own() -> None:
    """It is the one named `default`."""
    assert found(Code.CALENDAR_UNKNOWN, OWN) == []
    others = replace(CATALOGUE, calendars=frozenset({"support-hours"}))
    (only,) = validate(document(OWN), others).findings
    assert (only.code, only.path) == (Code.CALENDAR_UNKNOWN, "/steps/0/config")
    assert only.severity is Severity.ERROR
    assert "'default'" in (only.suggestion or "")


def differ(*steps: Step) -> list[str]:
    return found(Code.WAIT_FILTERS_DIFFER, *steps)


def test_other_filters_of_a_later_wait_are_suspicious() -> None:
    """The message names both, and it can be published."""
    steps = wait("first", "a", key="k"), PAUSE, wait("second", "b", key="k")
    validated = validate(document(*steps), CATALOGUE)
    (finding,) = validated.findings
    assert (finding.code, finding.path) == (Code.WAIT_FILTERS_DIFFER, "/steps/2/config/filters")
    assert finding.severity is Severity.WARNING
    assert validated.publishable
    assert "'first'" in finding.message
    assert "'second'" in finding.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (wait("a", "x", key="k"), wait("b", "x", key="k")),
        (wait("a", "x", key="k"), wait("b", "y", key="other")),
        (wait("a", "x", key="k"), wait("b", "y")),
        (wait("a", "x"), wait("b", "y", event="ORDER_CANCELLED")),
        (wait("a", key="k"), wait("b", "y", key="k")),
        (wait("a", "x"), wait("b", "y", "x")),
        (wait("a", "x", "y"), wait("b", "y", "x")),
    ],
)
def test_waits_that_take_nothing_from_each_other_are_left_alone(first: Step, second: Step) -> None:
    """Other events, other keys, or nothing refused that the later one would take."""
    assert differ(first, second) == []


def test_an_absent_key_equals_an_absent_one_and_null() -> None:
    """Neither asks for a key; expressions are equal when their text is."""
    assert differ(wait("a", "x"), wait("b", "y")) == ["/steps/1/config/filters"]
    key = {"$expr": "payload.id"}
    assert differ(wait("a", "x", key=key), wait("b", key=key)) == ["/steps/1/config"]


def test_only_what_comes_after_counts() -> None:
    """Not the other branch of a decision, nor what runs at the same time."""
    first, second = wait("a", "x"), wait("b", "y")
    assert differ(either([first], [second])) == []
    assert differ(parallel("all", [first], [second])) == []
    cases = [{"when": {"$expr": "payload.y"}, "steps": [each]} for each in (first, second)]
    assert differ({"id": "s", "type": "control.switch", "cases": cases, "default": [PAUSE]}) == []
    assert differ(either([first]), second) == ["/steps/1/config/filters"]
    assert differ(parallel("all", [first], [PAUSE]), second) == ["/steps/1/config/filters"]
    assert differ(first, parallel("all", [PAUSE], [second])) == [
        "/steps/1/branches/1/steps/0/config/filters"
    ]


def test_behind_a_return_or_an_error_nothing_comes_after() -> None:
    """Unless the error is kept inside."""
    first, second = wait("a", "x"), wait("b", "y")
    place = ["/steps/1/config/filters"]
    for last in (END, THROW):
        assert differ(either([first, last]), second) == []
        assert differ(either([either([first]) | {"id": "in"}, last]), second) == []
        loop: Step = {"id": "l", "type": "control.forEach", "items": [1], "itemVar": "one"}
        loop = {**loop, "body": [first, last]}
        assert differ(loop, second) == []
        assert differ({**loop, "onItemError": "continue"}, second) == place
        attempt: Step = {"id": "t", "type": "control.tryCatch", "try": [first, last]}
        assert differ({**attempt, "finally": [PAUSE]}, second) == []
        assert differ({**attempt, "catch": [PAUSE]}, second) == place


@pytest.mark.parametrize("name", ["catch", "finally"])
def test_what_is_tried_comes_before_what_catches_and_cleans_up(name: str) -> None:
    """Also if it returns: its wait may fail."""
    attempt: Step = {"id": "t", "type": "control.tryCatch", "try": [wait("a", "x"), END]}
    assert differ({**attempt, name: [wait("b", "y")]}) == [f"/steps/0/{name}/0/config/filters"]


def test_alternatives_of_one_wait_do_not_refuse_for_each_other() -> None:
    """What one of them takes is not refused; what none of them takes is."""

    def several(name: str, *values: str) -> Step:
        matches = [
            {
                "eventName": "ORDER_SHIPPED",
                "filters": [{"path": "payload.state", "op": "=", "value": value}],
            }
            for value in values
        ]
        return {"id": name, "type": "event.wait", "config": {"any": matches, "timeout": "P1D"}}

    assert differ(several("a", "x", "y")) == []
    assert differ(several("a", "x", "y"), several("b", "y", "x")) == []
    assert differ(several("a", "x", "y"), several("b", "y", "z")) == [
        "/steps/1/config/any/1/filters"
    ]
