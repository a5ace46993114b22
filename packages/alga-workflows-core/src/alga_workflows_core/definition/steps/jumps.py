"""`control.break` and `control.continue`: leave the nearest loop, or its turn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import StepBase


class BreakStep(StepBase):
    """Leave the nearest loop; the run goes on behind it."""

    type: Annotated[Literal["control.break"], Field(description="Leave the nearest loop.")]


class ContinueStep(StepBase):
    """Leave this turn of the nearest loop; it goes on with the next."""

    type: Annotated[Literal["control.continue"], Field(description="Go on with the next turn.")]
