"""`log.write`: one line in the worker's log."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from alga_workflows_core.actions.builtin import log
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from tests.core.actions.invocations import INVOCATION


async def write(request: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The output, and the lines that were written."""
    with capture_logs() as lines:
        output = await Performer(Registry(log.actions())).perform(
            "log.write", 1, request, INVOCATION
        )
    return output, list(lines)


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
async def test_one_line_is_written_with_the_ids_of_the_call(level: str) -> None:
    """The author's sentence and fields, and which step of which call wrote it."""
    fields = {"ticket": "T-1", "nested": {"a": [1, None]}, "event": "x", "action": "y"}
    output, lines = await write({"message": "Urgent!", "level": level, "fields": fields})
    assert output == {}
    assert lines == [
        {
            "event": "Urgent!",
            "log_level": level,
            "action": "workflow.log",
            "fields": fields,
            "step": INVOCATION.step,
            "invocation": str(INVOCATION.id),
        }
    ]


async def test_level_and_fields_may_be_left_out() -> None:
    """Then it is information without fields."""
    _, (line,) = await write({"message": "Hello"})
    assert (line["log_level"], line["fields"]) == ("info", {})


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"message": ""},
        {"message": 5},
        {"message": "x" * 4001},
        {"message": "a", "level": "critical"},
        {"message": "a", "fields": [1]},
        {"message": "a", "fields": {str(number): 1 for number in range(51)}},
        {"message": "a", "fields": {"text": "x" * 16 * 1024}},
        {"message": "a", "exc_info": True},
    ],
)
async def test_other_input_writes_nothing(request_: dict[str, Any]) -> None:
    """The step fails, and the log stays as it was."""
    with capture_logs() as lines, pytest.raises(ActionError) as raised:
        await write(request_)
    assert raised.value.error_code == "ACTION_INPUT_INVALID"
    assert lines == []


def test_it_may_run_beside_the_workflow() -> None:
    """It is short, and writing a line twice does no harm."""
    (action,) = log.actions()
    assert (action.spec.kind, action.spec.short) == (ActionKind.IDEMPOTENT, True)
