"""The functions that an expression has besides, or instead of, those of the engine's library.

Replaced, because the engine's own read the machine's clock or chance, grow without bound, run text
or are wrong: `$now $millis $toMillis $random $shuffle $pad $formatInteger $eval
$encodeUrlComponent`. Added: `$nowIso $uuid $coalesce $len $toString`. Unlike the engine's own, they
are not given the context as a first argument that is left out: `name.$pad(9)` is an error,
`$pad(name, 9)` and `name ~> $pad(9)` work. A host function cannot answer undefined: null it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import NoReturn, TypeGuard, cast
from urllib.parse import quote
from uuid import UUID

from alga_workflows_core.expressions import errors, limits, timestamps
from alga_workflows_core.expressions.bounds import bounding_functions
from alga_workflows_core.expressions.errors import ExpressionError
from alga_workflows_core.expressions.jsonata import Functions, outcome
from alga_workflows_core.expressions.sources import Evaluation, current
from alga_workflows_core.types.json import Json, JsonObject

_UNRESERVED = "-_.!~*'()"

_ARGUMENTS_REMEDY = "Write every argument into the call: $pad(name, 9), not name.$pad(9)."

# With the context as its text and no picture, `date.$toMillis()` needs no clock; the engine's own
# knows the context. Any other mention of the name gets ours.
_TO_MILLIS_WITH_ARGUMENTS = re.compile(r"\$toMillis\b(?!\s*\(\s*\))")


def functions_of(text: str) -> Functions:
    """What the expression `text` may call besides the engine's own library.

    Only what the text mentions: each function that the engine is given costs every evaluation
    0.15 µs, and the first of them its faster way of evaluating.
    """
    # A name has no second spelling: no escapes, quotes or gaps, and text is never run.
    mentioned = {name: function for name, function in _ALL.items() if name in text}
    if "toMillis" in mentioned and not _TO_MILLIS_WITH_ARGUMENTS.search(text):
        del mentioned["toMillis"]
    for name, function in bounding_functions(text).items():
        mentioned[name] = _callable(function, None)
    return mentioned


def _now(evaluation: Evaluation, picture: Json = None, zone: Json = None) -> Json:
    if picture is None and zone is None:
        return timestamps.iso(evaluation.now())
    moment = timestamps.milliseconds(evaluation.now())
    return _library(
        evaluation,
        "$fromMillis(moment, picture, zone)",
        {"moment": moment, "picture": picture, "zone": zone},
    )


def _now_iso(evaluation: Evaluation) -> Json:
    return timestamps.iso(evaluation.now())


def _millis(evaluation: Evaluation) -> Json:
    return timestamps.milliseconds(evaluation.now())


def _to_millis(evaluation: Evaluation, text: Json = None, picture: Json = None) -> Json:
    if text is None:
        return None
    if isinstance(text, str) and isinstance(picture, str):
        text, picture = timestamps.dated(
            text, picture, evaluation.now(), expression=evaluation.text
        )
    return _library(evaluation, "$toMillis(text, picture)", {"text": text, "picture": picture})


def _random(evaluation: Evaluation) -> Json:
    return evaluation.sources.random()


def _uuid(evaluation: Evaluation) -> Json:
    number = 0
    for _ in range(4):
        number = number << 32 | int(evaluation.sources.random() * 2**32)
    return str(UUID(int=number, version=4))


def _shuffle(evaluation: Evaluation, items: Json = None) -> Json:
    if items is None:
        return None
    if not isinstance(items, list):
        return [items]
    shuffled = list(cast("list[Json]", items))
    for last in range(len(shuffled) - 1, 0, -1):
        chosen = int(evaluation.sources.random() * (last + 1))
        shuffled[last], shuffled[chosen] = shuffled[chosen], shuffled[last]
    return shuffled


def _pad(evaluation: Evaluation, text: Json = None, width: Json = None, fill: Json = None) -> Json:
    if text is None:
        return None
    if not (isinstance(text, str) and _is_number(width) and isinstance(fill, str | None)):
        _refuse(evaluation, "$pad takes a text, a width and, if you like, a filling text.")
    if abs(width) > limits.MAX_PAD_WIDTH:
        _refuse(
            evaluation, f"$pad pads to at most {limits.MAX_PAD_WIDTH} characters.", errors.LIMIT
        )
    missing = abs(int(width)) - len(text)
    if missing <= 0:
        return text
    fill = fill or " "
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return text + padding if width > 0 else padding + text


def _format_integer(evaluation: Evaluation, number: Json = None, picture: Json = None) -> Json:
    if number is None:
        return None
    if isinstance(number, float) and not math.isfinite(number):
        _refuse(evaluation, "$formatInteger takes a finite number.")
    is_roman = isinstance(picture, str) and picture.partition(";")[0] in {"I", "i"}
    if is_roman and _is_number(number) and abs(number) > limits.MAX_ROMAN_NUMBER:
        _refuse(
            evaluation,
            f"$formatInteger writes Roman numbers up to {limits.MAX_ROMAN_NUMBER}.",
            errors.LIMIT,
        )
    return _library(
        evaluation, "$formatInteger(number, picture)", {"number": number, "picture": picture}
    )


def _encode_url_component(evaluation: Evaluation, text: Json = None) -> Json:
    if text is None:
        return None
    if not isinstance(text, str):
        _refuse(evaluation, "$encodeUrlComponent takes a text.")
    return quote(text, safe=_UNRESERVED)


def _eval(evaluation: Evaluation, *_arguments: Json) -> Json:
    _refuse(evaluation, "There is no $eval here.", errors.UNKNOWN_FUNCTION)


def _coalesce(_evaluation: Evaluation, *values: Json) -> Json:
    return next((value for value in values if value is not None), None)


def _len(evaluation: Evaluation, value: Json = None) -> Json:
    if value is None:
        return 0
    if not isinstance(value, str | list | dict):
        _refuse(evaluation, "$len takes a text, a list or an object.")
    return len(cast("str | list[Json] | JsonObject", value))


def _to_string(evaluation: Evaluation, value: Json = None) -> Json:
    if value is None or isinstance(value, str):
        return value or ""
    return _library(evaluation, "$string(value)", {"value": value})


def _library(evaluation: Evaluation, call: str, arguments: JsonObject) -> Json:
    """The engine's own function; an argument that is null counts as left out."""
    given = {name: value for name, value in arguments.items() if value is not None}
    value = outcome(call, no_functions, given, shown=evaluation.text)
    if isinstance(value, ExpressionError):
        raise value
    return value


def no_functions(_text: str) -> Functions:
    """For text that calls nothing but the engine's own library, or is only compiled."""
    return MappingProxyType({})


def _is_number(value: Json) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(evaluation: Evaluation, what: str, code: str = errors.TYPE) -> NoReturn:
    remedy = _ARGUMENTS_REMEDY if code == errors.TYPE else None
    raise ExpressionError(what, code=code, expression=evaluation.text, remedy=remedy)


def _callable(function: Callable[..., Json], arity: int | None) -> Callable[..., Json]:
    """`function` as the engine calls it.

    `$map` and its like pass value, index and list to whatever they are given, so arguments past
    `arity` are dropped, as JSONata does for its own functions.
    """

    @wraps(function)
    def call(*arguments: Json) -> Json:
        evaluation = current()
        try:
            return function(evaluation, *arguments[:arity])
        except BaseException as error:
            # The engine makes a message of it, whatever it is; the evaluation raises it again.
            evaluation.failure = evaluation.failure or error
            raise

    return call


_ALL: Mapping[str, Callable[..., Json]] = MappingProxyType(
    {
        "now": _callable(_now, 2),
        "nowIso": _callable(_now_iso, 0),
        "millis": _callable(_millis, 0),
        "toMillis": _callable(_to_millis, 2),
        "random": _callable(_random, 0),
        "uuid": _callable(_uuid, 0),
        "shuffle": _callable(_shuffle, 1),
        "pad": _callable(_pad, 3),
        "formatInteger": _callable(_format_integer, 2),
        "encodeUrlComponent": _callable(_encode_url_component, 1),
        "eval": _callable(_eval, None),
        "coalesce": _callable(_coalesce, None),
        "len": _callable(_len, 1),
        "toString": _callable(_to_string, 1),
    }
)

OWN_FUNCTIONS = frozenset(_ALL) - {"eval"}
"""The names of the functions here that can be called: `$eval` is there to be refused."""
