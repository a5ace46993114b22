"""Values and conditions: are their expressions well formed?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.expressions import engine
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.findings import Code, Finding, error


def check_value(value: Json, here: str) -> Iterator[Finding]:
    """Findings of a literal, which stands at `here`, and of the expressions in it."""
    if isinstance(value, list):
        for index, item in enumerate(cast("list[Json]", value)):
            yield from check_value(item, here + pointer(index))
    elif isinstance(value, dict):
        members = cast("JsonObject", value)
        if "$expr" in members:
            yield from _check_expression(members, here)
        elif "$secret" in members:
            yield error(
                Code.SECRET_NOT_SUPPORTED,
                here,
                "Secrets cannot be used in definitions in this release.",
                "Let the service that is called hold its own secret.",
            )
        else:
            for name, member in members.items():
                yield from check_value(member, here + pointer(name))


def check_condition(value: Json, here: str) -> Iterator[Finding]:
    """Findings of a condition: an expression, or true or false."""
    if isinstance(value, dict) and "$expr" in value:
        yield from _check_expression(cast("JsonObject", value), here)
    elif not isinstance(value, bool):
        yield error(
            Code.CONDITION_LITERAL,
            here,
            "A condition is an expression, or true or false.",
            'Write {"$expr": "payload.priority = \'high\'"}.',
        )


def _check_expression(members: JsonObject, here: str) -> Iterator[Finding]:
    text = members["$expr"]
    if len(members) != 1 or not isinstance(text, str) or not text.strip():
        yield error(
            Code.EXPRESSION_MALFORMED,
            here,
            "$expr stands alone in its object and holds the text of an expression.",
            'Write {"$expr": "payload.name"}.',
        )
        return
    fault = engine.check_syntax(text)
    if fault is not None:
        yield error(Code.EXPRESSION_SYNTAX, here + pointer("$expr"), fault.message, fault.remedy)
