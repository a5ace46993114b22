"""`control.throw`: fail with an error of the author's own, or rethrow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.policies import ErrorCode
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import TextValue, Value

THROWN = "THROWN"
"""The code of an error that is thrown with a message or details, but no code."""


class ThrowStep(StepBase):
    """Fail with an error of the author's own; without fields, in a catch: the caught one again."""

    nullable = frozenset({"details"})

    type: Annotated[Literal["control.throw"], Field(description="Fail, or rethrow.")]
    code: Annotated[
        ErrorCode | None,
        Field(description=f"The error's code; `{THROWN}` if absent.", examples=["NOT_ELIGIBLE"]),
    ] = None
    message: Annotated[TextValue, Field(description="What happened, for people.")] = None
    details: Annotated[Value, Field(description="More, for programs.")] = None

    @property
    def is_rethrow(self) -> bool:
        """Whether it throws the error of the catch around it again."""
        return not self.model_fields_set & {"code", "message", "details"}
