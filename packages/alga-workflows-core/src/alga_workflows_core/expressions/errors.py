"""What can go wrong with an expression, and how the engine's own messages become that."""

from __future__ import annotations

import re
from typing import Any

from alga_workflows_core.errors import AlgaError

SYNTAX = "EXPRESSION_SYNTAX"
TYPE = "EXPRESSION_TYPE"
UNKNOWN_FUNCTION = "EXPRESSION_UNKNOWN_FUNCTION"
LIMIT = "EXPRESSION_LIMIT"
TIMEOUT = "EXPRESSION_TIMEOUT"
RESULT = "EXPRESSION_RESULT"
FAILED = "EXPRESSION_FAILED"
NOT_BOOLEAN = "CONDITION_NOT_BOOLEAN"

_REMEDIES = {
    SYNTAX: "Correct the expression; the language is JSONata 2.",
    TYPE: "Check what the operands are, for example with $type(…), and convert them first.",
    UNKNOWN_FUNCTION: "Functions are called with a dollar sign, as in $count(payload.items).",
    LIMIT: "Work on less at once, or move the work into an action.",
    TIMEOUT: "Work on less at once, or move the work into an action.",
    RESULT: "Results are null, true, false, text, finite numbers, lists and objects.",
    FAILED: "Correct the expression or the values that it reads.",
    NOT_BOOLEAN: "Compare explicitly, as in `x = true`, or ask $exists(x).",
}

_EXPRESSION_SHOWN = 200
_DETAIL_SHOWN = 300


class ExpressionError(AlgaError):
    """An expression cannot be compiled or evaluated, or its result cannot be used.

    `error_code` is one of the codes of this module. `expression` is the text, cut to 200
    characters; `engine_code` is the engine's own code (`T2001`), `position` the offset of the
    fault in the text, both None where the engine gives none. `details` holds the same.
    """

    code = FAILED

    def __init__(
        self,
        message: str,
        *,
        expression: str,
        code: str | None = None,
        engine_code: str | None = None,
        position: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.expression = shortened(expression, _EXPRESSION_SHOWN)
        self.engine_code = engine_code
        self.position = position
        found: dict[str, Any] = {
            "expression": self.expression,
            "engineCode": engine_code,
            "position": position,
        }
        code = code or self.code
        super().__init__(
            message,
            code=code,
            remedy=remedy or _REMEDIES[code],
            details={name: value for name, value in found.items() if value is not None},
        )


class ExpressionTimeout(ExpressionError):  # noqa: N818 - a fact, as in TimeoutExpired
    """An evaluation took longer than its limit of wall time.

    It may end a run, but must never be caught by a definition: a replay on a faster or slower
    machine would take the other way.
    """

    code = TIMEOUT


def shortened(text: str, length: int) -> str:
    """`text`, or its beginning with an ellipsis, in at most `length` encodable characters."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


# The engine hands its codes over inside the message only: `Parse error: S0207: Unexpected …`.
_ENGINE_MESSAGE = re.compile(r"(?:[A-Z][A-Za-z]+(?: [a-zA-Z]+)+: )*([A-Z]\d{4}): *(.*)", re.DOTALL)

_CODES = {
    "D1011": LIMIT,
    "D1012": TIMEOUT,
    "D2014": LIMIT,
    "D2015": LIMIT,
    "U1001": LIMIT,
    "U1002": LIMIT,
    "T1005": UNKNOWN_FUNCTION,
    "T1006": UNKNOWN_FUNCTION,
    "T1007": UNKNOWN_FUNCTION,
    "T1008": UNKNOWN_FUNCTION,
}
_FAMILIES = {"S": SYNTAX, "T": TYPE}


def from_engine(
    message: str, expression: str, *, otherwise: str = FAILED, position: int | None = None
) -> ExpressionError:
    """The error for `message` of the engine; its code is `otherwise` where the engine has none.

    `position` is the offset of the fault in the text, if it is known.
    """
    match = _ENGINE_MESSAGE.match(message)
    engine_code, detail = (match[1], match[2]) if match else (None, message)
    code = otherwise
    if engine_code is not None:
        code = _CODES.get(engine_code) or _FAMILIES.get(engine_code[0], FAILED)
    kind = ExpressionTimeout if code == TIMEOUT else ExpressionError
    found = shortened(" ".join(detail.split()) or "no reason is given", _DETAIL_SHOWN)
    where = "" if position is None else f" at character {position + 1}"
    return kind(
        f"The expression `{shortened(expression, _EXPRESSION_SHOWN)}` failed{where}: "
        f"{found.rstrip('.')}.",
        code=code,
        engine_code=engine_code,
        expression=expression,
        position=position,
    )
