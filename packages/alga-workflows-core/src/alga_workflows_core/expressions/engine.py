"""Expressions: JSONata text over a context, with time and chance from the run, limits always on.

The names of the context are the top-level keys of the input document: `payload.x`. Undefined and
null are one at the outermost result; where the difference matters, ask `$exists(…)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from alga_workflows_core.expressions import errors
from alga_workflows_core.expressions.errors import ExpressionError, ExpressionTimeout
from alga_workflows_core.expressions.functions import functions_of, no_functions
from alga_workflows_core.expressions.jsonata import compiled, outcome
from alga_workflows_core.expressions.reads import LIBRARY, Call, Read, Reads, reads_of
from alga_workflows_core.expressions.results import owned
from alga_workflows_core.expressions.sources import Evaluation, Sources, enter
from alga_workflows_core.types.json import Json

__all__ = [
    "LIBRARY",
    "Call",
    "ExpressionError",
    "ExpressionTimeout",
    "Read",
    "Reads",
    "Sources",
    "check_syntax",
    "evaluate",
    "evaluate_condition",
    "evaluate_items",
    "reads_of",
]


def check_syntax(text: str) -> ExpressionError | None:
    """What is wrong with `text` before it is evaluated; None if it compiles.

    Names and functions are looked up when the expression runs, so an unknown one passes here;
    `reads_of` finds those. The error has a position wherever it is certain.
    """
    made = compiled(text, no_functions)
    return made if isinstance(made, ExpressionError) else None


def evaluate(text: str, context: Mapping[str, Json], sources: Sources) -> Json:
    """The value of `text`; undefined and functions are None.

    The result shares nothing with the context, and the context is not changed. The same text,
    context and sources give the same result or error, in any thread. Raises ExpressionError, or
    ExpressionTimeout if it takes too long; what `sources` raises passes through.
    """
    return owned(_value(text, context, sources), text)


def evaluate_condition(text: str, context: Mapping[str, Json], sources: Sources) -> bool:
    """The truth of `text`; undefined and null are False.

    Raises ExpressionError with CONDITION_NOT_BOOLEAN for any other value: JSONata's notion of a
    true list or text surprises people.
    """
    value = _value(text, context, sources)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ExpressionError(
        f"The condition is {_kind(value)}, neither true nor false.",
        code=errors.NOT_BOOLEAN,
        expression=text,
    )


def evaluate_items(text: str, context: Mapping[str, Json], sources: Sources) -> list[Json]:
    """The items of `text` for a loop; undefined and null are none.

    A value that is not a list is one item: in JSONata a query with one match *is* that match, so
    `orders[open]` must loop once, not fail, on the day that a single order is open.
    """
    value = evaluate(text, context, sources)
    if value is None:
        return []
    return cast("list[Json]", value) if isinstance(value, list) else [value]


def _value(text: str, context: Mapping[str, Json], sources: Sources) -> Any:
    document = context if isinstance(context, dict) else dict(context)
    evaluation = Evaluation(text, sources)
    former = enter(evaluation)
    try:
        value = outcome(text, functions_of, document)
    finally:
        enter(former)
    failure, evaluation.failure = evaluation.failure, None
    if isinstance(failure, ExpressionError):
        # Its frames lie below the engine's, which hold the compiled expression.
        value = failure.with_traceback(None)
    elif failure is not None:
        try:
            raise failure
        finally:
            # It holds this frame, and so the context: without a cycle they go at once.
            del failure
    if isinstance(value, ExpressionError):
        raise value
    return value


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"
