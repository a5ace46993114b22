"""`control.if`: walk one of two blocks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import Block, StepBase, Steps, blocks
from alga_workflows_core.definition.values import Value


class IfStep(StepBase):
    """Walk one of two blocks."""

    type: Annotated[Literal["control.if"], Field(description="Decide between two blocks.")]
    condition: Annotated[
        Value,
        Field(
            description="true or false; undefined counts as false.",
            examples=[{"$expr": "payload.priority = 'high'"}],
        ),
    ]
    then: Annotated[Steps, Field(description="What happens if the condition is true.")]
    otherwise: Annotated[
        Steps | None, Field(alias="else", description="What happens if it is false.")
    ] = None

    def blocks(self) -> tuple[Block, ...]:
        return blocks(then=self.then, else_=self.otherwise)
