"""Every step of a definition with where it stands: what encloses it, what its expressions see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.steps.base import Block
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.types.pointers import pointer

CONTEXT = frozenset({"payload", "vars", "meta", "system"})
"""The names that every expression of a run sees."""

LOOP_NAMES = frozenset({"item", "index", "length", "isFirst", "isLast"})
"""The names that expressions see in a `control.forEach`, besides its `itemVar`."""


@dataclass(frozen=True, slots=True)
class Around:
    """A step that encloses another one, the block of it that does, and where the step stands."""

    step: Step
    block: Block
    here: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A step. `here` is its JSON Pointer, `names` what its expressions see besides `CONTEXT`.

    `around`: the steps that enclose it, the outermost first.
    """

    here: str
    step: Step
    names: frozenset[str]
    around: tuple[Around, ...]


def visits(definition: Definition) -> list[Visit]:
    """All steps in document order."""
    return list(_visits(definition.steps, pointer("steps"), frozenset(), ()))


def names_inside(step: Step, block: Block, names: frozenset[str]) -> frozenset[str]:
    """What expressions in `block` of `step` see, if those of the step itself see `names`."""
    if isinstance(step, ForEachStep):
        return names | LOOP_NAMES | {step.item_var}
    if isinstance(step, TryCatchStep) and block.place == ("catch",):
        return names | {"error"}
    return names


def _visits(
    steps: Sequence[Step], parent: str, names: frozenset[str], around: tuple[Around, ...]
) -> Iterator[Visit]:
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        yield Visit(here, step, names, around)
        for block in step.blocks():
            yield from _visits(
                block.steps,
                here + pointer(*block.place),
                names_inside(step, block, names),
                (*around, Around(step, block, here)),
            )
