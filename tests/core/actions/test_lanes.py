"""Which way an action goes, decided by its contract, its input and the chain so far."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.actions.lanes import (
    MAX_LOCAL_BYTES,
    MAX_LOCAL_CHAIN,
    MAX_REMOTE_BYTES,
    Lane,
    LaneChooser,
)
from alga_workflows_core.definition.action_spec import ActionKind, PinnedAction
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.sizes import encoded_size

OURS = "workflow-runtime-v2"
SMALL: dict[str, Any] = {"a": 1}


def pinned(kind: ActionKind, *, short: bool = True, queue: str = OURS) -> PinnedAction:
    return PinnedAction(id="a.b", version=1, kind=kind, short=short, queue=queue)


def sized(size: int) -> dict[str, Any]:
    """An input of exactly `size` bytes."""
    overhead = encoded_size({"text": ""})
    return {"text": "x" * (size - overhead)}


@pytest.mark.parametrize(
    ("action", "request_", "lane"),
    [
        (pinned(ActionKind.PURE), SMALL, Lane.INLINE),
        (pinned(ActionKind.PURE, short=False), sized(MAX_REMOTE_BYTES), Lane.INLINE),
        (pinned(ActionKind.READ), SMALL, Lane.LOCAL),
        (pinned(ActionKind.IDEMPOTENT), SMALL, Lane.LOCAL),
        (pinned(ActionKind.IDEMPOTENT), sized(MAX_LOCAL_BYTES), Lane.LOCAL),
        (pinned(ActionKind.IDEMPOTENT), sized(MAX_LOCAL_BYTES + 1), Lane.REMOTE),
        (pinned(ActionKind.READ, short=False), SMALL, Lane.REMOTE),
        (pinned(ActionKind.READ, queue="billing"), SMALL, Lane.REMOTE),
        (pinned(ActionKind.READ, short=False), sized(MAX_REMOTE_BYTES), Lane.REMOTE),
    ],
)
def test_the_lane_of_one_call(action: PinnedAction, request_: dict[str, Any], lane: Lane) -> None:
    """Pure ones stay inside; short, small ones of our queue go beside; all others through it."""
    assert LaneChooser(own_queue=OURS).choose(action, request_, step="s") is lane


@pytest.mark.parametrize("kind", list(ActionKind))
def test_an_input_over_the_limit_fails_its_step(kind: ActionKind) -> None:
    """Whatever the lane would be: 1 MiB, told with the figures and without the input."""
    with pytest.raises(StepError) as raised:
        LaneChooser(own_queue=OURS).choose(pinned(kind), sized(MAX_REMOTE_BYTES + 1), step="a/b")
    info = raised.value.info
    assert (info.code, info.category, info.step) == ("SIZE_LIMIT", Category.LIMIT, "a/b")
    assert info.details == {"bytes": MAX_REMOTE_BYTES + 1, "limit": MAX_REMOTE_BYTES}
    assert "xxx" not in info.message


def test_every_eleventh_of_a_chain_goes_through_the_queue() -> None:
    """That ends the workflow task, so a crash repeats ten local activities at most."""
    chooser = LaneChooser(own_queue=OURS)
    action = pinned(ActionKind.READ)
    lanes = [chooser.choose(action, SMALL, step="s") for _ in range(3 * (MAX_LOCAL_CHAIN + 1))]
    assert lanes == ([Lane.LOCAL] * MAX_LOCAL_CHAIN + [Lane.REMOTE]) * 3


def test_a_remote_call_begins_a_new_chain_and_a_pure_one_does_not() -> None:
    """A pure action ends no workflow task."""
    chooser = LaneChooser(own_queue=OURS)
    short = pinned(ActionKind.READ)
    for _ in range(MAX_LOCAL_CHAIN):
        assert chooser.choose(short, SMALL, step="s") is Lane.LOCAL
        assert chooser.choose(pinned(ActionKind.PURE), SMALL, step="s") is Lane.INLINE
    assert chooser.choose(short, SMALL, step="s") is Lane.REMOTE
    assert chooser.choose(short, SMALL, step="s") is Lane.LOCAL
    assert chooser.choose(pinned(ActionKind.READ, short=False), SMALL, step="s") is Lane.REMOTE
    for _ in range(MAX_LOCAL_CHAIN):
        assert chooser.choose(short, SMALL, step="s") is Lane.LOCAL


@pytest.mark.parametrize(
    ("value", "size"), [({}, 2), ("ü", 4), ("😀", 6), ("\x00", 8), ([1, None], 9), ("\ud800", 5)]
)
def test_sizes_are_bytes_of_json(value: Any, size: int) -> None:
    """UTF-8, as the history will carry it; also for text that is none."""
    assert encoded_size(value) == size


def test_a_pure_action_gets_no_secret() -> None:
    """It would be written into the history; the error names the places, and the chain goes on."""
    chooser = LaneChooser(own_queue=OURS)
    with pytest.raises(StepError) as raised:
        chooser.choose(pinned(ActionKind.PURE), SMALL, step="s", secrets={"/b": "B", "/a": "A"})
    error = raised.value.info
    assert (error.code, error.category, error.step) == (
        "SECRET_NOT_ALLOWED",
        Category.VALIDATION,
        "s",
    )
    assert error.details == {"inputs": ["/a", "/b"]}
    assert error.retryable is False


@pytest.mark.parametrize(
    ("action", "lane"),
    [
        (pinned(ActionKind.READ), Lane.LOCAL),
        (pinned(ActionKind.UNSAFE, short=False), Lane.REMOTE),
    ],
)
def test_other_actions_get_secrets(action: PinnedAction, lane: Lane) -> None:
    """In the lane that they would take without."""
    chooser = LaneChooser(own_queue=OURS)
    assert chooser.choose(action, SMALL, step="s", secrets={"/a": "A"}) is lane
