"""Ids: each names one step or branch, and together they fit into the key of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.subject import Subject

MAX_STEP_PATH = 1500
"""Characters of a step's path in a run: ids with slashes between them, and in loops the index. It
is part of an index whose entries may have 2,700 bytes, and the tenant needs room beside it."""

_LOOP_INDEX = len("[100000]")


def check(subject: Subject) -> Iterator[Finding]:
    """Ids that are there twice, and paths that are too long."""
    seen: dict[str, str] = {}
    for visit in subject.visits:
        name, here = visit.step.id, visit.here
        if name in seen:
            yield error(
                Code.STEP_ID_DUPLICATE,
                here + pointer("id"),
                f"The id {name!r} is used at {seen[name]} already.",
                "Give each step an id of its own; it names the step in paths and logs.",
            )
        seen.setdefault(name, here)
        if isinstance(visit.step, ParallelStep):
            yield from _branches(visit.step, here)
    yield from _too_deep(subject.definition.steps, pointer("steps"), 0)


def _branches(step: ParallelStep, here: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, branch in enumerate(step.branches):
        if branch.id in seen:
            yield error(
                Code.BRANCH_ID_DUPLICATE,
                here + pointer("branches", index, "id"),
                f"{step.id!r} has two branches with the id {branch.id!r}.",
                "Give each branch an id of its own; the results are named by it.",
            )
        seen.add(branch.id)


def _too_deep(steps: Sequence[Step], parent: str, used: int) -> Iterator[Finding]:
    """The first step of each block whose path in a run would be too long for its row's key."""
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        length = used + len(step.id)
        if length > MAX_STEP_PATH:
            yield error(
                Code.STEP_PATH_TOO_LONG,
                here + pointer("id"),
                f"The ids from the outermost step to {step.id!r} have {length} characters "
                f"together; {MAX_STEP_PATH} is the limit.",
                "Nest less deeply, or use shorter ids.",
            )
            continue
        length += 1
        if isinstance(step, ForEachStep | WhileStep):
            length += _LOOP_INDEX
        for number, block in enumerate(step.blocks()):
            inside = length
            if isinstance(step, ParallelStep):
                inside += len(step.branches[number].id) + 1
            yield from _too_deep(block.steps, here + pointer(*block.place), inside)
