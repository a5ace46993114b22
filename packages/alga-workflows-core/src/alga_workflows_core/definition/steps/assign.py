"""`transform.assign`: set variables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import Assignments


class AssignConfig(Part):
    """What a `transform.assign` sets."""

    assign: Assignments


class AssignStep(StepBase):
    """Set variables, in order, each seeing the former."""

    type: Annotated[Literal["transform.assign"], Field(description="Set variables.")]
    config: Annotated[AssignConfig, Field(description="What is set.")]
