"""Whether, in one run, a step can be walked after another one that stands before it."""

from __future__ import annotations

from collections.abc import Sequence

from alga_workflows_core.definition.steps.base import Block
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.definition.steps.throw import ThrowStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.validation.visits import Around, Visit


def comes_after(earlier: Visit, later: Visit) -> bool:
    """Whether `later` may be walked when `earlier`, which stands before it, has been.

    Not if they stand in blocks of one step of which one is walked, or all at the same time; nor
    if the run certainly ends in between. Further turns of a loop around both are not considered.
    """
    shared = _shared(earlier.around, later.around)
    below, beside = earlier.around[shared:], later.around[shared:]
    if below and beside and below[0].here == beside[0].here:
        # What is tried leads to what catches and cleans up, however it ends.
        return isinstance(below[0].step, TryCatchStep)
    return _leads_out(earlier.step, below)


def _shared(one: Sequence[Around], other: Sequence[Around]) -> int:
    """Of how many blocks both are a part."""
    count = 0
    for mine, its in zip(one, other, strict=False):
        if mine.here != its.here or mine.block.place != its.block.place:
            break
        count += 1
    return count


def _leads_out(step: Step, blocks: Sequence[Around]) -> bool:
    """Whether a run that has walked `step` may go on behind all of `blocks` (outermost first)."""
    is_open = True
    inner = step
    for around in reversed(blocks):
        if any(isinstance(each, ReturnStep | ThrowStep) for each in _behind(inner, around.block)):
            is_open = False
        # An error, of the step itself too, stays inside.
        is_open = is_open or _keeps_errors(around)
        inner = around.step
    return is_open


def _behind(step: Step, block: Block) -> Sequence[Step]:
    index = next(index for index, each in enumerate(block.steps) if each is step)
    return block.steps[index + 1 :]


def _keeps_errors(around: Around) -> bool:
    """Whether the run may go on behind a step inside of which something fails."""
    match around.step:
        case TryCatchStep(catch=catch):
            return catch is not None and around.block.place == ("try",)
        case ForEachStep(on_item_error=policy):
            return policy != "fail"
        case ParallelStep(join=join):
            return join != "all"
        case _:
            return False
