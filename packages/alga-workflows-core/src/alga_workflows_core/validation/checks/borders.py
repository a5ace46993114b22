"""Borders: may control leave a block where it says so, and is concurrency bounded?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from alga_workflows_core.definition.steps.base import Block
from alga_workflows_core.definition.steps.break_ import BreakStep
from alga_workflows_core.definition.steps.continue_ import ContinueStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.throw import ThrowStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.definition.values import is_expression
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Around, Visit

MAX_CONCURRENCY = 100
"""Steps of one run that may run at the same time, nested loops included."""


def check(subject: Subject) -> Iterator[Finding]:
    """Jumps and rethrows that lead nowhere, and more concurrency than a run may have."""
    for visit in subject.visits:
        step = visit.step
        if isinstance(step, BreakStep | ContinueStep):
            yield from _check_jump(step, visit)
        elif isinstance(step, ThrowStep) and step.is_rethrow and "error" not in visit.names:
            yield error(
                Code.RETHROW_OUTSIDE_CATCH,
                visit.here,
                f"{step.id!r} throws a caught error again, but stands in no catch.",
                "Give it a code and a message, or move it into the catch.",
            )
    findings: list[Finding] = []
    _lanes_of_block(subject.definition.steps, pointer("steps"), findings)
    yield from findings


def _check_jump(step: BreakStep | ContinueStep, visit: Visit) -> Iterator[Finding]:
    border: Around | None = None
    for around in reversed(visit.around):
        if isinstance(around.step, ForEachStep | WhileStep):
            yield from _check_loop(step, visit.here, around.step, border)
            return
        if border is None and _is_border(around):
            border = around
    yield error(
        Code.BREAK_OUTSIDE_LOOP,
        visit.here,
        f"{step.id!r} stands in no loop.",
        "Remove it; control.return ends the run.",
    )


def _is_border(around: Around) -> bool:
    return isinstance(around.step, ParallelStep) or around.block.place == ("finally",)


def _check_loop(
    step: BreakStep | ContinueStep,
    here: str,
    loop: ForEachStep | WhileStep,
    border: Around | None,
) -> Iterator[Finding]:
    """Of a jump whose nearest loop is `loop`, with the innermost border between them."""
    if border is not None:
        part = "a branch" if isinstance(border.step, ParallelStep) else "the finally"
        yield error(
            Code.JUMP_ACROSS_BORDER,
            here,
            f"{step.id!r} would jump out of {part} of {border.step.id!r}, to the loop {loop.id!r}.",
            "Set a variable there, and decide behind it.",
        )
    elif isinstance(step, BreakStep) and isinstance(loop, ForEachStep):
        yield from _check_break(step, here, loop)


def _check_break(step: BreakStep, here: str, loop: ForEachStep) -> Iterator[Finding]:
    remedy = "Remove the concurrency, or use control.continue."
    if is_expression(loop.concurrency):
        yield warning(
            Code.BREAK_IN_CONCURRENT_LOOP,
            here,
            f"{step.id!r} fails whenever {loop.id!r} has more than one item at a time.",
            remedy,
        )
    elif loop.concurrency != 1:
        yield error(
            Code.BREAK_IN_CONCURRENT_LOOP,
            here,
            f"{step.id!r} cannot leave {loop.id!r}, which has several items at a time.",
            remedy,
        )


def _lanes_of_block(steps: Sequence[Step], parent: str, findings: list[Finding]) -> int:
    """How many steps in `steps` may run at the same time. What is over the limit counts as one."""
    most = 1
    for index, step in enumerate(steps):
        blocks = step.blocks()
        if blocks:
            most = max(most, _lanes(step, blocks, parent + pointer(index), findings))
    return most


def _lanes(step: Step, blocks: Sequence[Block], here: str, findings: list[Finding]) -> int:
    inner = [
        _lanes_of_block(block.steps, here + pointer(*block.place), findings) for block in blocks
    ]
    if isinstance(step, ParallelStep):
        lanes, field = sum(inner), "branches"
    elif isinstance(step, ForEachStep):
        lanes, field = _items_at_a_time(step) * inner[0], "concurrency"
    else:
        return max(inner)
    if lanes <= MAX_CONCURRENCY:
        return lanes
    findings.append(
        error(
            Code.CONCURRENCY_TOO_HIGH,
            here + pointer(field),
            f"Up to {lanes} steps inside {step.id!r} would run at the same time; a run may have "
            f"{MAX_CONCURRENCY}.",
            "Lower the concurrency of a loop; loops and branches inside each other multiply.",
        )
    )
    return 1


def _items_at_a_time(step: ForEachStep) -> int:
    """At most, as far as literals tell; an expression counts as one."""
    concurrency: Json = step.concurrency
    if not isinstance(concurrency, int):
        return 1
    if isinstance(step.items, list):
        return min(concurrency, max(1, len(cast("list[Json]", step.items))))
    return concurrency
