"""What all steps have, and the lists of steps inside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from alga_workflows_core.definition.model import Part
from alga_workflows_core.types.identifiers import STEP_ID
from alga_workflows_core.types.model import Line

if TYPE_CHECKING:
    from alga_workflows_core.definition.steps.union import Step

Id = Annotated[str, Field(pattern=STEP_ID)]

StepId = Annotated[
    Id, Field(description="Unique in the whole document; it names the step in paths, rows, logs.")
]


@dataclass(frozen=True, slots=True)
class Block:
    """A list of steps inside a step. `place`: the members and indices that lead there from it."""

    place: tuple[str | int, ...]
    steps: Sequence[Step]


class StepBase(Part):
    """What all steps have."""

    id: StepId
    name: Annotated[Line | None, Field(min_length=1, max_length=200, description="For people.")] = (
        None
    )

    def blocks(self) -> tuple[Block, ...]:
        """The lists of steps inside this one, in the order of the document; absent ones not."""
        return ()


def blocks(**lists: Sequence[Step] | None) -> tuple[Block, ...]:
    """The lists that are there, each under the name of its member."""
    return tuple(
        Block((name.rstrip("_"),), steps) for name, steps in lists.items() if steps is not None
    )


Steps: TypeAlias = Annotated["list[Step]", Field(min_length=1)]
"""A block: steps, one after the other."""
