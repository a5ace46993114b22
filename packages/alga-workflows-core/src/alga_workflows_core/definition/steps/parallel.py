"""`control.parallel`: walk several blocks at the same time."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.steps.base import Block, Id, StepBase, Steps
from alga_workflows_core.definition.values import Value, WritablePath

MAX_BRANCHES = 100


Join: TypeAlias = Literal["all", "any", "settled"]
"""When a `control.parallel` goes on, and what it gives."""


class Branch(Part):
    """One of the blocks, with variables of its own."""

    nullable = frozenset({"output"})

    id: Annotated[Id, Field(description="Unique among the branches of this step.")]
    steps: Annotated[Steps, Field(description="What happens in this branch.")]
    output: Annotated[
        Value, Field(description="What the branch gives, asked in its scope at its end.")
    ] = None


class ParallelStep(StepBase):
    """Walk several blocks at the same time, each with its own copy of the variables."""

    type: Annotated[Literal["control.parallel"], Field(description="Several blocks at once.")]
    branches: Annotated[
        list[Branch], Field(min_length=1, max_length=MAX_BRANCHES, description="The blocks.")
    ]
    join: Annotated[
        Join,
        Field(
            description="all: when all are done; outputs by branch. any: when the first succeeds; "
            "`{branch, value}`. settled: when all have ended; `{ok, value | error}` by branch.",
        ),
    ] = "all"
    save_as: Annotated[
        WritablePath | None, Field(description="Path (`vars.…`) that gets what the join gives.")
    ] = None

    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            Block(("branches", index, "steps"), branch.steps)
            for index, branch in enumerate(self.branches)
        )
