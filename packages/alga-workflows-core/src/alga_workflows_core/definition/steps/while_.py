"""`control.while`: walk a block as long as a condition is true."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import Block, StepBase, Steps, blocks
from alga_workflows_core.definition.values import Value

MAX_ITERATIONS = 100_000


class WhileStep(StepBase):
    """Walk a block as long as a condition is true."""

    type: Annotated[Literal["control.while"], Field(description="Loop on a condition.")]
    condition: Annotated[
        Value,
        Field(
            description="Asked before each turn; undefined counts as false.",
            examples=[{"$expr": "vars.status != 'done'"}],
        ),
    ]
    body: Annotated[Steps, Field(description="What happens in each turn.")]
    max_iterations: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_ITERATIONS,
            description="With the condition still true behind so many turns the step fails.",
            examples=[100],
        ),
    ]

    def blocks(self) -> tuple[Block, ...]:
        return blocks(body=self.body)
