"""Tasks: who may answer, how many have to, and until when."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.validation.findings import Code, Severity
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE

NAME = {"$expr": "payload.name"}


def found(**config: Any) -> list[tuple[Code, str]]:
    """The findings of a definition with one task."""
    whole: dict[str, Any] = {"taskType": "t", "title": "T", "form": {}, "timeout": "P7D", **config}
    kept = {name: value for name, value in whole.items() if value is not ...}
    step = {"id": "ask", "type": "human.task", "config": kept}
    findings = validate({**SMALLEST, "steps": [step]}, CATALOGUE).findings
    return [(each.code, each.path.removeprefix("/steps/0/config")) for each in findings]


def test_somebody_has_to_be_asked() -> None:
    """By name or by group; whom it escalates to does not see it before."""
    assert found(assignees=["ada"]) == []
    assert found(candidateGroups=NAME) == []
    people = [(Code.TASK_WITHOUT_PEOPLE, "")]
    assert found() == people
    assert found(dueIn="P1D", escalateTo=["leads"]) == people


def test_what_is_due_may_still_last_for_ever() -> None:
    """Only a timeout ends a task."""
    assert found(assignees=["ada"], timeout=..., dueIn="P1D") == [(Code.TASK_WITHOUT_TIMEOUT, "")]
    assert found(assignees=["ada"], timeout=..., timeoutMs=1) == []
    assert found(assignees=["ada"], timeout=NAME) == []


@pytest.mark.parametrize(
    "config",
    [
        {"assignees": ["ada", "grace"], "quorum": 2},
        {"assignees": ["ada", NAME], "quorum": 3},
        {"assignees": NAME, "quorum": 3},
        {"assignees": ["ada"], "candidateGroups": ["leads"], "quorum": 3},
        {"assignees": ["ada"], "escalateTo": ["leads"], "dueIn": "P1D", "quorum": 3},
        {"candidateGroups": ["leads"], "quorum": 100},
    ],
)
def test_a_quorum_that_may_be_reached_is_no_mistake(config: dict[str, Any]) -> None:
    """Groups and expressions may stand for anybody."""
    assert found(**config) == []


def test_a_quorum_that_cannot_be_reached_is_one() -> None:
    """A name twice is one person."""
    assert found(assignees=["ada"], quorum=2) == [(Code.QUORUM_TOO_HIGH, "/quorum")]
    assert found(assignees=["ada", "ada"], quorum=2) == [(Code.QUORUM_TOO_HIGH, "/quorum")]


@pytest.mark.parametrize(
    ("due", "timeout", "is_longer"),
    [
        ("P7D", "P7D", False),
        ("P1W", "P7D", False),
        ("PT168H", "P7D", False),
        ("PT168H1S", "P7D", False),
        ("PT170H", "P7D", True),
        ("P8D", "P7D", True),
        ("P1M", "P31D", False),
        ("P1M", "P29D", False),
        ("P1M", "P27D", True),
        ("P28D", "P1M", False),
        ("P32D", "P1M", True),
        ("P1Y", "P12M", False),
        ("P13M", "P1Y", True),
        ("P1MT1H", "P1M", True),
        ("PT0.5S", "PT0.4S", True),
        ("PT2M", "PT2M", False),
    ],
)
def test_times_are_compared_whenever_they_begin(due: str, timeout: str, *, is_longer: bool) -> None:
    """A month may have 28 days, and a day an hour less or more."""
    expected = [(Code.TIMEOUT_EXCEEDED, "/dueIn")] if is_longer else []
    assert found(assignees=["ada"], dueIn=due, timeout=timeout) == expected


def test_times_that_are_not_known_are_not_compared() -> None:
    """Expressions, and tasks without a timeout of their own."""
    assert found(assignees=["ada"], remindEvery=NAME) == []
    assert found(assignees=["ada"], timeout=NAME, dueIn="P9Y") == []
    late = found(assignees=["ada"], timeout=..., timeoutMs=1000, remindEvery="PT2S")
    assert late == [(Code.TIMEOUT_EXCEEDED, "/remindEvery")]


def test_only_a_quorum_forbids_publishing() -> None:
    """The rest may be meant."""
    config: dict[str, Any] = {"taskType": "t", "title": "T", "form": {}, "dueIn": "P2D"}
    step = {"id": "ask", "type": "human.task", "config": {**config, "timeout": "P1D"}}
    validated = validate({**SMALLEST, "steps": [step]}, CATALOGUE)
    assert {each.severity for each in validated.findings} == {Severity.WARNING}
    assert len(validated.findings) == 2
    assert validated.publishable
