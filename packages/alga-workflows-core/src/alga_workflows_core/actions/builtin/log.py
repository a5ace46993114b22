"""`log.write`: one line in the worker's log."""

from __future__ import annotations

from typing import Annotated, Literal

import structlog
from pydantic import Field

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.definition.model import Model
from alga_workflows_core.types.json import Json

log = structlog.get_logger()


class LogInput(Model):
    """What to write, and how loudly."""

    message: Annotated[str, Field(min_length=1, max_length=4000)]
    level: Literal["debug", "info", "warning", "error"] = "info"
    fields: Annotated[dict[str, Json], Field(max_length=50)] = Field(
        default_factory=dict[str, Json]
    )


class LogOutput(Model):
    """Nothing to tell."""


@action("log.write", version=1, kind=ActionKind.IDEMPOTENT, short=True, timeout=2.0)
async def write(request: LogInput, invocation: Invocation) -> LogOutput:
    """Write one line into the worker's log, with the run's ids.

    It may be written twice after a crash; `invocation` is the same in both.
    """
    getattr(log, request.level)(
        request.message,
        action="workflow.log",
        fields=request.fields,
        step=invocation.step,
        invocation=str(invocation.id),
    )
    return LogOutput()


def actions() -> list[Action]:
    """The actions of this family."""
    return [write]
