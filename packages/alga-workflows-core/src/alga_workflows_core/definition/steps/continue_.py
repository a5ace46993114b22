"""`control.continue`: leave this turn of the nearest loop; it goes on with the next."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import StepBase


class ContinueStep(StepBase):
    """Leave this turn of the nearest loop; it goes on with the next."""

    type: Annotated[Literal["control.continue"], Field(description="Go on with the next turn.")]
