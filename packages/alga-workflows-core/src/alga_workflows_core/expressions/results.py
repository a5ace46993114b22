"""A result as a value of its own: copied, checked, and counted."""

from __future__ import annotations

import math
from typing import Any, cast

from alga_workflows_core.expressions import errors, limits
from alga_workflows_core.expressions.errors import ExpressionError
from alga_workflows_core.types.json import Json

_NUMBER_SIZE = 8
_WORD_SIZE = 5
_SURELY_SMALL = 1000


def owned(value: Any, expression: str) -> Json:
    """A deep copy of `value` that shares nothing with the context.

    Raises ExpressionError: EXPRESSION_RESULT for what is not JSON (NaN, Infinity, whole numbers
    beyond 2^53 - 1, half a surrogate pair), EXPRESSION_LIMIT past the limits of size and depth.
    """
    # Most results are one of these two, and can be neither too large nor shared.
    if value is None or value is True or value is False:
        return value
    if type(value) is str and len(value) < _SURELY_SMALL and value.isascii():
        return value
    return _Copy(expression).of(value, 0)


class _Copy:
    __slots__ = ("_expression", "_left")

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._left = limits.MAX_RESULT_BYTES

    def of(self, value: Any, depth: int) -> Json:
        # Exact types: what the engine makes, and what a JSON document in the context consists of.
        kind = cast("type[object]", type(value))
        if kind is str:
            self._take_text(value)
        elif kind is bool or value is None:
            self._take(_WORD_SIZE)
        elif kind is int:
            self._take(_NUMBER_SIZE)
            if not -limits.MAX_SAFE_INTEGER <= value <= limits.MAX_SAFE_INTEGER:
                raise self._refused("a whole number beyond 2^53 - 1, which would lose digits")
        elif kind is float:
            self._take(_NUMBER_SIZE)
            if not math.isfinite(value):
                raise self._refused("a number that is not finite; division by zero gives one")
        elif kind is list:
            return self._list(value, depth + 1)
        elif kind is dict:
            return self._object(value, depth + 1)
        else:
            raise self._refused(f"a value of type {kind.__name__}, which is not JSON")
        return value

    def _list(self, value: list[Any], depth: int) -> list[Json]:
        self._enter(depth)
        return [self.of(item, depth) for item in value]

    def _object(self, value: dict[Any, Any], depth: int) -> dict[str, Json]:
        self._enter(depth)
        copy: dict[str, Json] = {}
        for key, item in value.items():
            if type(key) is not str:
                raise self._refused(f"an object with a key of type {type(key).__name__}")
            self._take_text(key)
            copy[key] = self.of(item, depth)
        return copy

    def _enter(self, depth: int) -> None:
        self._take(2)
        if depth > limits.MAX_RESULT_DEPTH:
            raise self._over(f"nested deeper than {limits.MAX_RESULT_DEPTH} levels")

    def _take_text(self, text: str) -> None:
        try:
            self._take(3 + (len(text) if text.isascii() else len(text.encode())))
        except UnicodeEncodeError:
            raise self._refused("text with half a surrogate pair") from None

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self._over(f"larger than {limits.MAX_RESULT_BYTES} bytes")

    def _over(self, what: str) -> ExpressionError:
        return ExpressionError(
            f"The result of the expression is {what}.",
            code=errors.LIMIT,
            expression=self._expression,
        )

    def _refused(self, what: str) -> ExpressionError:
        return ExpressionError(
            f"The result of the expression is or holds {what}.",
            code=errors.RESULT,
            expression=self._expression,
        )
