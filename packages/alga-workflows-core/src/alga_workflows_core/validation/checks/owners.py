"""Which step an expression is a part of, and which member of it."""

from __future__ import annotations

from collections.abc import Container, Iterable

from alga_workflows_core.validation.expressions import Expression, ReadExpression
from alga_workflows_core.validation.subject import Subject


def expressions_by_step(subject: Subject) -> dict[str, list[ReadExpression]]:
    """The expressions of each step, without those of the steps inside it, by the step's pointer.

    Steps that have none are left out, and so are the expressions outside of the steps.
    """
    owned: dict[str, list[ReadExpression]] = {}
    steps = {visit.here for visit in subject.visits}
    for expression in subject.expressions:
        owner = holder_of(expression, steps)
        if owner is not None:
            owned.setdefault(owner, []).append(expression)
    return owned


def holder_of(expression: Expression, places: Container[str]) -> str | None:
    """Which of `places` (JSON Pointers) is the nearest around `expression`; None if none is."""
    here = expression.here
    while here and here not in places:
        here = here.rpartition("/")[0]
    return here or None


def grouped(
    expressions: Iterable[ReadExpression], places: Container[str]
) -> dict[str | None, list[ReadExpression]]:
    """`expressions` by the nearest of `places` around them."""
    groups: dict[str | None, list[ReadExpression]] = {}
    for expression in expressions:
        groups.setdefault(holder_of(expression, places), []).append(expression)
    return groups
