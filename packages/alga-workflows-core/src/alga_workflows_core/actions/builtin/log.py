"""`log.write`: one line in the worker's log."""

from __future__ import annotations

from typing import Annotated, Literal

import structlog
from pydantic import Field, field_validator

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model

MAX_FIELDS_BYTES = 16 * 1024
"""What collectors of logs still take as one line, with the rest of it."""

log = structlog.get_logger()


class LogInput(Model):
    """What to write, and how loudly."""

    message: Annotated[
        str, Field(min_length=1, max_length=4000, description="What happened, as a sentence.")
    ]
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="How important it is.")
    ] = "info"
    fields: Annotated[
        dict[str, Json],
        Field(
            default_factory=dict[str, Json],
            max_length=50,
            description="What belongs to it; at most 50 names and 16 KiB.",
        ),
    ]

    @field_validator("fields")
    @classmethod
    def _fit_into_a_line(cls, value: dict[str, Json]) -> dict[str, Json]:
        if encoded_size(value) > MAX_FIELDS_BYTES:
            raise ValueError(f"together they have more than {MAX_FIELDS_BYTES} bytes as JSON")
        return value


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
