"""The engine, jsonatapy: compiled expressions of this thread, run with all limits on.

Faults are answered, not raised: a traceback would keep the compiled expression alive in whichever
thread handles the error, and one that is released outside its own thread is leaked.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jsonatapy

from alga_workflows_core.expressions import errors, limits
from alga_workflows_core.expressions.bounds import bounded
from alga_workflows_core.expressions.errors import ExpressionError
from alga_workflows_core.expressions.positions import fault_position, raised_position
from alga_workflows_core.types.json import Json, JsonObject

Functions = Mapping[str, Callable[..., Json]]
"""What an expression may call besides the engine's own library, by name without the dollar sign."""

FunctionsOf = Callable[[str], Functions]
"""The functions of an expression, by its text alone."""


class _Compiled(threading.local):
    # A compiled expression panics when another thread uses it.
    def __init__(self) -> None:
        self.by_text: OrderedDict[str, jsonatapy.JsonataExpression] = OrderedDict()


_compiled = _Compiled()


def compiled(text: str, functions_of: FunctionsOf) -> jsonatapy.JsonataExpression | ExpressionError:
    """`text`, compiled now; not kept."""
    if len(text) > limits.MAX_EXPRESSION_LENGTH:
        return ExpressionError(
            f"The expression has {len(text)} characters; "
            f"{limits.MAX_EXPRESSION_LENGTH} are allowed.",
            code=errors.LIMIT,
            expression=text,
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ExpressionError(
            f"The expression holds half a surrogate pair at character {error.start + 1}.",
            code=errors.SYNTAX,
            expression=text,
            position=error.start,
        )
    try:
        expression = jsonatapy.compile(text)
        functions = functions_of(text)
        within_bounds = bounded(text, functions)
        if within_bounds is not text:
            expression = jsonatapy.compile(within_bounds)
        for name, function in functions.items():
            expression.register_override(name, function)
    except ValueError as error:
        message = str(error)
        position = fault_position(text, message, _complaint)
        return errors.from_engine(message, text, otherwise=errors.SYNTAX, position=position)
    except BaseException as error:
        if not _is_panic(error):
            raise
        return _panicked(error, text)
    return expression


def _complaint(text: str) -> str | None:
    try:
        jsonatapy.compile(text)
    except ValueError as error:
        return str(error)
    except BaseException as error:
        if not _is_panic(error):
            raise
    return None


def outcome(
    text: str, functions_of: FunctionsOf, document: JsonObject, *, shown: str | None = None
) -> Any | ExpressionError:
    """The value of `text` over `document` (undefined is None), or what went wrong.

    The value may share objects with `document`. `shown` is the text for error messages where it is
    another one.
    """
    shown = text if shown is None else shown
    expression = _kept(text, functions_of)
    if isinstance(expression, ExpressionError):
        return expression
    try:
        return expression.evaluate(
            document,
            timeout=limits.TIMEOUT_MS,
            max_stack_depth=limits.MAX_STACK_DEPTH,
            max_sequence_length=limits.MAX_SEQUENCE_LENGTH,
        )
    except ValueError as error:
        message = str(error)
        return errors.from_engine(message, shown, position=raised_position(shown, message))
    except TypeError as error:
        # The engine reads the document lazily and stops at what is not JSON, or over 64 bits.
        return errors.from_engine(str(error), shown, otherwise=errors.TYPE)
    except BaseException as error:
        if not _is_panic(error):
            raise
        _compiled.by_text.pop(text, None)
        return _panicked(error, shown)


def _kept(text: str, functions_of: FunctionsOf) -> jsonatapy.JsonataExpression | ExpressionError:
    kept = _compiled.by_text
    expression = kept.get(text)
    if expression is not None:
        kept.move_to_end(text)
        return expression
    made = compiled(text, functions_of)
    if not isinstance(made, ExpressionError):
        kept[text] = made
        if len(kept) > limits.MAX_COMPILED_PER_THREAD:
            kept.popitem(last=False)
    return made


def _is_panic(error: BaseException) -> bool:
    # The class cannot be imported: pyo3 makes it when the first panic happens.
    kind = type(error)
    return kind.__name__ == "PanicException" and kind.__module__ == "pyo3_runtime"


def _panicked(error: BaseException, text: str) -> ExpressionError:
    return errors.from_engine(f"the engine gave up ({error})", text)
