"""`state.set`: label the run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import LabelValue


class StateConfig(Part):
    """What a `state.set` sets."""

    state: Annotated[
        LabelValue,
        Field(description="What people see on the run; `meta.state`.", examples=["In review"]),
    ]


class StateStep(StepBase):
    """Set the label that people see on the run."""

    type: Annotated[Literal["state.set"], Field(description="Label the run.")]
    config: Annotated[StateConfig, Field(description="The label.")]
