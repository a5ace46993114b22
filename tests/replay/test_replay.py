"""Histories of every scenario can be replayed, and the workflow asks for the same again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.replay.corpus import Recorded, files, load
from tests.replay.replaying import replay

ROOT = Path(__file__).parents[2]
FILES = files()
# A sandbox imports everything again for each run.
SANDBOXED = 20


@pytest.mark.parametrize(
    "path", FILES, ids=[f"{path.parent.name}-{path.name.partition('.')[0]}" for path in FILES]
)
async def test_histories_replay(path: Path) -> None:
    """Commands are the same in type, order and input."""
    recorded = list(load(path))
    assert recorded
    assert await replay(recorded) == []


def _of_activity(event: dict[str, Any]) -> bool:
    attributes = event.get("activityTaskScheduledEventAttributes")
    if attributes is not None:
        attributes["startToCloseTimeout"] = "1s"
    return attributes is not None


def _of_input(event: dict[str, Any]) -> bool:
    attributes = event.get("activityTaskScheduledEventAttributes")
    if attributes is not None:
        attributes["input"]["payloads"][0]["data"] = "e30="
    return attributes is not None


def _of_timer(event: dict[str, Any]) -> bool:
    attributes = event.get("timerStartedEventAttributes")
    if attributes is not None:
        attributes["startToFireTimeout"] = "1s"
    return attributes is not None


def _of_state(event: dict[str, Any]) -> bool:
    attributes = event.get("workflowExecutionContinuedAsNewEventAttributes")
    if attributes is not None:
        attributes["input"]["payloads"][0]["data"] = "e30="
    return attributes is not None


def _of_result(event: dict[str, Any]) -> bool:
    attributes = event.get("workflowExecutionCompletedEventAttributes")
    if attributes is not None:
        attributes["result"]["payloads"][0]["data"] = "InNvbWV0aGluZyI="
    return attributes is not None


def _of_error(event: dict[str, Any]) -> bool:
    attributes = event.get("workflowExecutionFailedEventAttributes")
    if attributes is not None:
        attributes["failure"]["message"] = "Something else."
    return attributes is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_of_activity, "activity"),
        (_of_input, "activity"),
        (_of_timer, "timer"),
        (_of_state, "end"),
        (_of_result, "end"),
        (_of_error, "end"),
    ],
)
async def test_a_changed_input_is_found(change: Callable[[Any], bool], told: str) -> None:
    """It is, although the SDK's replayer has nothing to say of it."""
    changed = _changed(change)
    failures = await replay([changed])
    assert len(failures) == 1
    assert failures[0].startswith(f"{changed.case}: {told}")


async def test_a_changed_row_is_found() -> None:
    """So it is with what a local activity is given, which no history tells of."""
    recorded = next(each for path in FILES for each in load(path) if each.local)
    activity = next(iter(recorded.local))
    failures = await replay([replace(recorded, local=recorded.local | {activity: "another"})])
    assert len(failures) == 1
    assert failures[0].startswith(f"{recorded.case}: local {activity}")


async def test_nothing_impure_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the SDK's sandbox, which refuses clocks, chance and files, they replay as well; only the
    expression engine is let through."""
    recorded = [each for path in FILES for each in load(path)][::SANDBOXED]
    restrictions = SandboxRestrictions.default.with_passthrough_modules(
        "alga_workflows_core.expressions", "jsonatapy"
    )
    members = restrictions.invalid_module_members
    # Its stand-in for ZoneInfo is no tzinfo, which datetime refuses.
    allowed = {name: each for name, each in members.children.items() if name != "zoneinfo"}
    restrictions = replace(restrictions, invalid_module_members=replace(members, children=allowed))
    # It imports by name what pytest has found by path.
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    runner = SandboxedWorkflowRunner(restrictions=restrictions)
    assert await replay(recorded, runner=runner) == []


def _changed(change: Callable[[Any], bool]) -> Recorded:
    """The first history in which there is something to change, with that changed."""
    for path in FILES:
        for recorded in load(path):
            events = deepcopy(recorded.events)
            if any(change(event) for event in events):
                return replace(recorded, events=events)
    raise AssertionError("no history has such an event")
