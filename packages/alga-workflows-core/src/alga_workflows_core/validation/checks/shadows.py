"""Names of loops' items that hide those of the loops around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.checks.owners import holder_of
from alga_workflows_core.validation.expressions import ReadExpression
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit

_ANY_ITEM = "item"
"""What each item is called besides the name that its loop gives it."""


def check_names(subject: Subject) -> Iterator[Finding]:
    """An `itemVar` that is taken, and an `item` that is not the one which the author called so."""
    confusing: dict[str, tuple[ForEachStep, ForEachStep] | None] = {}
    for visit in subject.visits:
        loops = [around.step for around in visit.around if isinstance(around.step, ForEachStep)]
        confusing[visit.here] = _hiding(loops)
        if loops and isinstance(visit.step, ForEachStep):
            # Its output is asked inside of it, all else of it outside.
            confusing[visit.here + pointer("output")] = _hiding([*loops, visit.step])
            yield from _check_loop(visit, visit.step, loops)
    if any(confusing.values()):
        for expression in subject.expressions:
            if _reads_item(expression):
                found = confusing.get(holder_of(expression, confusing) or "")
                if found is not None:
                    yield _wrong_item(expression, *found)


def _hiding(loops: Sequence[ForEachStep]) -> tuple[ForEachStep, ForEachStep] | None:
    """The last of `loops` (the innermost) and the one whose chosen name `item` it hides."""
    if len(loops) < 2 or loops[-1].item_var == _ANY_ITEM:
        return None
    hidden = next((loop for loop in reversed(loops) if loop.item_var == _ANY_ITEM), None)
    return None if hidden is None else (loops[-1], hidden)


def _reads_item(expression: ReadExpression) -> bool:
    reads = expression.reads
    return reads is not None and any(read.path[0] == _ANY_ITEM for read in reads.reads)


def _check_loop(visit: Visit, loop: ForEachStep, loops: Sequence[ForEachStep]) -> Iterator[Finding]:
    hidden = next((outer for outer in reversed(loops) if outer.item_var == loop.item_var), None)
    if hidden is not None:
        yield warning(
            Code.NAME_SHADOWED,
            visit.here + pointer("itemVar"),
            f"In {loop.id!r} the name {loop.item_var!r} hides the item of {hidden.id!r}.",
            "Give each of the two loops a name of its own.",
        )


def _wrong_item(expression: ReadExpression, nearest: ForEachStep, hidden: ForEachStep) -> Finding:
    return warning(
        Code.NAME_SHADOWED,
        expression.here,
        f"'item' is the item of {nearest.id!r} here, not that of {hidden.id!r}.",
        f"Write {nearest.item_var!r}, or give {hidden.id!r} another 'itemVar'.",
    )
