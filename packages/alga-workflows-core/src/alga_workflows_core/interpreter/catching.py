"""Which errors a policy of the document speaks of, and how one leads to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.expressions.errors import TIMEOUT
from alga_workflows_core.interpreter.sizes import MAX_ERROR_BYTES, encoded_size
from alga_workflows_core.interpreter.weighing import ERROR_ROOM


def is_fatal(error: ErrorInfo) -> bool:
    """Whether the run ends with it at once: nothing catches it, nothing is cleaned up.

    It depends on the speed of the machine, so that a replay could take another way.
    """
    return error.code == TIMEOUT and error.category is Category.EXPRESSION


def names(listed: Sequence[str] | None, error: ErrorInfo) -> bool:
    """Whether `listed` (codes and categories; None: all) speaks of `error`."""
    return listed is None or error.code in listed or error.category.value in listed


def because_of(error: ErrorInfo, former: ErrorInfo) -> ErrorInfo:
    """`error` with `former` as its innermost cause, as much of it as an error may hold."""
    bare = replace(former, details=None, cause=None)
    for cause in (former, replace(former, cause=None), bare):
        whole = _with_cause(error, cause)
        if encoded_size(whole.as_json()) <= MAX_ERROR_BYTES:
            return whole
    return error


def bounded(error: ErrorInfo) -> ErrorInfo:
    """As much of `error` as an error may hold: first its details are left out, then its causes."""
    bare = replace(error, details=_OMITTED)
    for smaller in (error, bare, replace(bare, cause=None)):
        if encoded_size(smaller.as_json()) <= MAX_ERROR_BYTES:
            return smaller
    return replace(bare, cause=None, message=f"{error.message[:_SHORT]}…")


def shortened(error: ErrorInfo) -> ErrorInfo:
    """`error` in so few bytes that there is room for it whatever the run carries.

    Details go first, then causes, the place and at last its code.
    """
    short = _bare(error)
    alone = replace(short, cause=None)
    unplaced = replace(alone, step=None)
    coded = replace(unplaced, message="", code=error.code[:_SHORTEST])
    for smaller in (short, alone, unplaced, coded):
        if encoded_size(smaller.as_json()) <= _ROOM:
            return smaller
    # Characters may need six bytes each.
    return replace(coded, code="SIZE_LIMIT", category=Category.LIMIT)


def _bare(error: ErrorInfo) -> ErrorInfo:
    cause = None if error.cause is None else _bare(error.cause)
    return replace(error, message=error.message[:_SHORTEST], details=None, cause=cause)


_ROOM = ERROR_ROOM - len('{"o": "succeeded", "err": }')
_SHORTEST = 80
_OMITTED = {"omitted": "The details are too large for an error."}
_SHORT = 1000


def _with_cause(error: ErrorInfo, cause: ErrorInfo) -> ErrorInfo:
    inner = cause if error.cause is None else _with_cause(error.cause, cause)
    return replace(error, cause=inner)
