"""`control.switch`: walk the first of several blocks whose condition is true."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.steps.base import Block, StepBase, Steps
from alga_workflows_core.definition.values import Value


class Case(Part):
    """A condition and what happens if it is the first that is true."""

    when: Annotated[
        Value,
        Field(
            description="true or false; undefined counts as false.",
            examples=[{"$expr": "payload.kind = 'refund'"}],
        ),
    ]
    steps: Annotated[Steps, Field(description="What happens then.")]


class SwitchStep(StepBase):
    """Walk the block of the first case whose condition is true."""

    type: Annotated[Literal["control.switch"], Field(description="Decide between several blocks.")]
    cases: Annotated[list[Case], Field(min_length=1, description="Asked in this order.")]
    default: Annotated[Steps | None, Field(description="What happens if no case is true.")] = None

    def blocks(self) -> tuple[Block, ...]:
        cases = tuple(
            Block(("cases", index, "steps"), case.steps) for index, case in enumerate(self.cases)
        )
        return cases if self.default is None else (*cases, Block(("default",), self.default))
