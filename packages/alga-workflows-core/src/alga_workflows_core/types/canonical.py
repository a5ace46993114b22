"""The one byte form of a JSON value (RFC 8785), and the hash that names it."""

from __future__ import annotations

import hashlib
import math
from typing import Any, NoReturn, cast

import rfc8785

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER

_FIRST_WITH_EXPONENT = 1e21


def canonical(value: Json) -> bytes:
    """`value` as canonical JSON in UTF-8; equal values give equal bytes, whatever their key order.

    `strict_json.loads` reads the bytes back to an equal value. Raises InputError with `path` and
    code JSON_NUMBER (NaN, Infinity, and whole numbers beyond 2^53 - 1, also a double that is
    written without an exponent), JSON_TEXT (half a surrogate pair), JSON_DEPTH (beyond 100), or
    JSON_TYPE (not JSON, a key that is no text).
    """
    _check(value, (), 0)
    return rfc8785.dumps(value)


def content_hash(value: Json) -> str:
    """The sha256 of `canonical(value)`, 64 lower-case hexadecimal digits; raises as that does."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _check(value: Any, path: tuple[str | int, ...], depth: int) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int | float):
        _check_number(value, path)
    elif isinstance(value, list | tuple):
        _check_depth(path, depth + 1)
        for index, item in enumerate(cast("list[Any]", value)):
            _check(item, (*path, index), depth + 1)
    elif isinstance(value, dict):
        _check_depth(path, depth + 1)
        for key, item in cast("dict[Any, Any]", value).items():
            if not isinstance(key, str):
                _fail("JSON_TYPE", f"A key of type {type(key).__name__} is not JSON.", path)
            _check_text(key, path)
            _check(item, (*path, key), depth + 1)
    else:
        kind = type(cast("object", value)).__name__
        _fail("JSON_TYPE", f"A value of type {kind} is not JSON.", path)


def _check_depth(path: tuple[str | int, ...], depth: int) -> None:
    if depth > MAX_DEPTH:
        _fail("JSON_DEPTH", f"The value is nested deeper than {MAX_DEPTH} levels.", path[:10])


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _fail("JSON_TEXT", "The text holds half a surrogate pair, which is no character.", path)


def _check_number(number: float, path: tuple[str | int, ...]) -> None:
    # From 1e21 the canonical form has an exponent, so it is read back as the same double.
    is_kept = abs(number) <= MAX_SAFE_INTEGER or (
        isinstance(number, float) and math.isfinite(number) and abs(number) >= _FIRST_WITH_EXPONENT
    )
    if not is_kept:
        _fail("JSON_NUMBER", "The number cannot be kept exactly by every JSON reader.", path)


_REMEDIES = {
    "JSON_NUMBER": "Use a finite number within ±(2^53 - 1), or write it as a string.",
    "JSON_TEXT": "Write both halves, or the character itself.",
    "JSON_DEPTH": "Make it flatter.",
    "JSON_TYPE": "Use null, true, false, text, numbers, lists and objects.",
}


def _fail(code: str, what: str, path: tuple[str | int, ...]) -> NoReturn:
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    raise InputError(what, code=code, path=pointer or None, remedy=_REMEDIES[code]) from None
