"""Functions of the engine that may hang, or outgrow its limits of time and memory, held in bounds.

The engine does not let these be replaced, or they take the context as a first argument that is
left out, which a function of ours cannot. So a variable of the same name covers each: it asks a
function of ours only about what is large, and hands the rest to the engine's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, cast

from alga_workflows_core.expressions import errors, limits
from alga_workflows_core.expressions.errors import ExpressionError
from alga_workflows_core.expressions.sources import Evaluation
from alga_workflows_core.types.json import Json

# `$_name` is the engine's own function, `$__name` ours. The engine's time for the first two grows
# with the square of what is different; where nothing is, the engine knows best whether one item is
# a list. The engine's `$formatNumber` looks for the exponent of Infinity for ever. The other two
# write texts of any length; a replacement with a dollar sign may repeat what it replaces.
_COVERS: Mapping[str, str] = MappingProxyType(
    {
        "distinct": f"""function($x)<x:x>{{
        $count($x) > {limits.MAX_COMPARED_PAIRWISE}
            ? ($u := $__distinct($x); $u = null ? $_distinct($x) : $u)
            : $_distinct($x)
    }}""",
        "keys": """function($x){
        $type($x) = "array" ? ($u := $__keys($x); $u = null ? $_keys($x) : $u) : $_keys($x)
    }""",
        "formatNumber": """function($n, $p, $o)<n-so?:s>{
        $abs($n) = 1/0 ? $__formatNumber() : $_formatNumber($n, $p, $o)
    }""",
        "join": f"""function($a, $s)<a<s>s?:s>{{
        $count($a) > {limits.MAX_JOINED_UNSEEN} and (
            $count($a) <= {limits.MAX_SEQUENCE_LENGTH} ? $sum($map($a, $length)) : 0
        ) + $count($a) * ($exists($s) ? $length($s) : 0) > {limits.MAX_GROWN_TEXT}
            ? $__join() : $_join($a, $s)
    }}""",
        "replace": f"""function($t, $p, $r, $l)<s-(sf)(sf)n?:s>{{
        $type($r) = "string" and $length($t) * $length($r) > {limits.MAX_GROWN_TEXT} and (
            $contains($r, "$")
            or $min([$count($split($t, $p)) - 1, $l]) * $length($r) > {limits.MAX_GROWN_TEXT}
        ) ? $__replace() : $_replace($t, $p, $r, $l)
    }}""",
    }
)

# Handed to `$map`, the engine's own answers a list of one key as a list; a cover cannot.
_KEYS_AS_A_VALUE: Final = re.compile(r"\$keys\b(?!\s*\()")


def bounded(text: str, functions: Mapping[str, object]) -> str:
    """The expression `text`, which compiles, with those of `functions` that are of this module.

    The result means the same. Places in it are not those of `text`.
    """
    covers = [name for name in _COVERS if f"__{name}" in functions]
    if not covers:
        return text
    natives = "".join(f"$_{name}:=${name};" for name in covers)
    return f"({natives}{''.join(f'${name}:={_COVERS[name]};' for name in covers)}{text})"


def bounding_functions(text: str) -> dict[str, Callable[..., Json]]:
    """The functions that `bounded` needs for `text`, by the names that they are called by."""
    return {
        f"__{name}": function
        for name, function in _FUNCTIONS.items()
        if name in text and not (name == "keys" and _KEYS_AS_A_VALUE.search(text))
    }


def _distinct(evaluation: Evaluation, items: Json = None) -> Json:
    """The first of each of `items`, or null if all are equal."""
    found: dict[object, Json] = {}
    for item in _items(items):
        found.setdefault(_identity(item, evaluation, 0), item)
    return _several(list(found.values()), "$distinct", evaluation)


def _keys(evaluation: Evaluation, items: Json = None) -> Json:
    """The keys of the objects in `items`, or null if there are less than two."""
    found: dict[str, None] = {}
    for item in _items(items):
        if isinstance(item, dict):
            found |= dict.fromkeys(cast("dict[str, Json]", item))
    return _several(list[Json](found), "$keys", evaluation)


def _items(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else [value]


def _several(found: list[Json], name: str, evaluation: Evaluation) -> Json:
    if len(found) > limits.MAX_SEQUENCE_LENGTH:
        _refuse(evaluation, f"{name} finds more than {limits.MAX_SEQUENCE_LENGTH} different items.")
    return found if len(found) > 1 else None


def _identity(value: Any, evaluation: Evaluation, depth: int) -> object:
    """What is equal for equal values: numbers by value as the engine's doubles, never true and 1.

    Exact types: this is what a JSON document consists of.
    """
    kind = cast("type[object]", type(value))
    if value is None or kind is str or kind is float:
        return value
    if kind is bool:
        return (bool, value)
    if kind is int and -(2**63) <= value < 2**63:
        return float(value)
    _enter(depth, evaluation)
    if kind is list:
        return tuple(_identity(item, evaluation, depth + 1) for item in value)
    if kind is dict:
        return frozenset(
            (key, _identity(item, evaluation, depth + 1)) for key, item in value.items()
        )
    return _refuse(evaluation, f"$distinct cannot compare a {kind.__name__}.", errors.TYPE)


def _enter(depth: int, evaluation: Evaluation) -> None:
    if depth > limits.MAX_RESULT_DEPTH:
        _refuse(evaluation, f"The items are nested deeper than {limits.MAX_RESULT_DEPTH} levels.")


def _infinite(evaluation: Evaluation) -> Json:
    return _refuse(evaluation, "$formatNumber takes a finite number.", errors.TYPE)


def _grown(evaluation: Evaluation) -> Json:
    return _refuse(evaluation, f"The text would be longer than {limits.MAX_GROWN_TEXT} characters.")


def _refuse(evaluation: Evaluation, what: str, code: str = errors.LIMIT) -> NoReturn:
    raise ExpressionError(what, code=code, expression=evaluation.text)


_FUNCTIONS: Mapping[str, Callable[..., Json]] = MappingProxyType(
    {
        "distinct": _distinct,
        "keys": _keys,
        "formatNumber": _infinite,
        "join": _grown,
        "replace": _grown,
    }
)
