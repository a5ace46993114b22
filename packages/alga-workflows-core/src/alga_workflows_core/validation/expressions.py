"""The expressions of a definition, each read once for all checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from alga_workflows_core.expressions import engine
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.slots import Role, Slot


@dataclass(frozen=True, slots=True)
class Expression:
    """A well formed `$expr`. `here` is the JSON Pointer to its text, `names` what it sees."""

    here: str
    text: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReadExpression(Expression):
    """`fault` is why it does not compile; without one, `reads` is what it reads and calls.

    `reads` is None where the expression cannot be followed.
    """

    fault: engine.ExpressionError | None
    reads: engine.Reads | None


def expressions_of(slot: Slot) -> Iterator[Expression]:
    """Every `$expr` with a text in `slot`, at whatever depth."""
    if slot.role is not Role.LITERAL:
        yield from _expressions(slot.value, slot.here, slot.names)


def read_expressions(slots: Iterable[Slot]) -> Iterator[ReadExpression]:
    """The expressions of `slots`, in their order; equal texts are read once."""
    known: dict[str, tuple[engine.ExpressionError | None, engine.Reads | None]] = {}
    for slot in slots:
        for each in expressions_of(slot):
            read = known.get(each.text)
            if read is None:
                fault = engine.check_syntax(each.text)
                read = known[each.text] = (fault, None if fault else engine.reads_of(each.text))
            yield ReadExpression(each.here, each.text, each.names, *read)


def _expressions(value: Json, here: str, names: frozenset[str]) -> Iterator[Expression]:
    if isinstance(value, list):
        for index, item in enumerate(cast("list[Json]", value)):
            yield from _expressions(item, here + pointer(index), names)
    elif isinstance(value, dict):
        members = cast("JsonObject", value)
        if "$expr" in members:
            text = members["$expr"]
            if len(members) == 1 and isinstance(text, str) and text.strip():
                yield Expression(here + pointer("$expr"), text, names)
        elif "$secret" not in members:
            for name, member in members.items():
                yield from _expressions(member, here + pointer(name), names)
