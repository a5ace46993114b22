"""`control.break`: leave the nearest loop; the run goes on behind it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import StepBase


class BreakStep(StepBase):
    """Leave the nearest loop; the run goes on behind it."""

    type: Annotated[Literal["control.break"], Field(description="Leave the nearest loop.")]
