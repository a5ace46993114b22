"""`control.saga`: undo what succeeded when something behind it fails."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from alga_workflows_core.definition.steps.base import Block, StepBase, Steps, blocks

OnSagaFailure: TypeAlias = Literal["compensate", "park"]
"""What a saga does when it fails."""


class SagaStep(StepBase):
    """Walk a block; if it fails, undo its calls (`compensate`), the newest first."""

    type: Annotated[Literal["control.saga"], Field(description="Undo on failure.")]
    steps: Annotated[Steps, Field(description="What happens.")]
    on_failure: Annotated[
        OnSagaFailure,
        Field(
            description="compensate: undo at once. park: wait for an operator first.",
        ),
    ] = "compensate"

    def blocks(self) -> tuple[Block, ...]:
        return blocks(steps=self.steps)
