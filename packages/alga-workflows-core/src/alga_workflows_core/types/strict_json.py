"""Reads JSON text strictly: one meaning for every reader, or refused with its place.

Refused: other encodings than UTF-8 and a byte order mark, duplicate keys, NaN and Infinity, numbers
too large for a double, whole numbers beyond 2^53 - 1 (unless written with a point or an exponent:
then they are read as the double that they are), half surrogate pairs, nesting beyond 100.

`1.0` and `1` are one number, as in the canonical form, and both are read as the integer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json

MAX_DEPTH = 100
"""Lists and objects inside each other."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly."""

# A string lexeme is taken whole even if its end is missing, so that no text costs quadratic time.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_BRACKET_OR_STRING = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_LEXEME = re.compile(rf"{_STRING}|[\[\]{{}},:]|[^\s\[\]{{}},:\"]++", re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# Pairs and other escapes are consumed first, so what the group finds stands alone.
_HALF_PAIR = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F])|\\.", re.DOTALL
)

_NUMBER = "JSON_NUMBER"
_TEXT = "JSON_TEXT"


def loads(data: bytes | str) -> Json:
    """The value of the JSON text `data`.

    Raises InputError with code JSON_SYNTAX, JSON_DUPLICATE_KEY, JSON_NUMBER, JSON_DEPTH or
    JSON_TEXT; its message names line and column (from 1), `details` has them as `line` and
    `column`; `path` is the JSON pointer of a refused number or key.
    """
    text = decoded(data)
    _check_depth(text)
    _check_pairs(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _fail(
            "JSON_SYNTAX",
            f"The JSON text is not well formed: {error.msg}",
            text,
            error.pos,
            "Correct the text at this place.",
        )
    except _RefusedError:
        _explain(text)


class _RefusedError(Exception):
    """Something well formed, but refused; where it is, is found out afterwards."""


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > MAX_SAFE_INTEGER:
        raise _RefusedError
    return number


def _double(digits: str) -> int | float:
    number = float(digits)
    if not math.isfinite(number):
        raise _RefusedError
    return whole(number)


def whole(number: float) -> int | float:
    """The integer that `number` is, if it is one that every reader keeps exactly, else itself."""
    is_whole = number.is_integer() and abs(number) <= MAX_SAFE_INTEGER
    return int(number) if is_whole else number


def _constant(_name: str) -> NoReturn:
    raise _RefusedError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RefusedError
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_double, parse_constant=_constant
)


def decoded(data: bytes | str, *, kind: str = "JSON") -> str:
    """`data` as text without half surrogate pairs and without a byte order mark.

    Raises InputError with code JSON_TEXT, which speaks of a text of this `kind`.
    """
    if isinstance(data, str):
        text = data
        try:
            text.encode()
        except UnicodeEncodeError as error:
            _half_pair(text, error.start, kind)
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            readable = data[: error.start].decode()
            _fail(
                _TEXT,
                f"The {kind} text is not UTF-8: byte {error.start} cannot be read",
                readable,
                len(readable),
                "Send the text in UTF-8.",
            )
    if text.startswith("\ufeff"):
        what = f"The {kind} text begins with a byte order mark"
        _fail(_TEXT, what, text, 0, "Save it without one.")
    return text


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(text):
        position = match.start()
        if text[position] in "[{":
            depth += 1
        elif text[position] in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            _fail(
                "JSON_DEPTH",
                f"The JSON text is nested deeper than {MAX_DEPTH} levels",
                text,
                position,
                "Make it flatter.",
            )


def _check_pairs(text: str) -> None:
    """Refuse an escaped half of a surrogate pair; a raw one cannot have been decoded."""
    if _SURROGATE_ESCAPE.search(text) is None:
        return
    for match in _HALF_PAIR.finditer(text):
        if match[1]:
            _half_pair(text, match.start(), "JSON")


def _half_pair(text: str, position: int, kind: str) -> NoReturn:
    _fail(
        _TEXT,
        f"The {kind} text holds half a surrogate pair, which is no character",
        text,
        position,
        "Write both halves, or the character itself.",
    )


@dataclass(slots=True)
class _Container:
    """An object (`keys` holds those read) or a list, while its lexemes are read."""

    is_object: bool
    keys: set[str] = field(default_factory=set[str])
    last: str | int = 0
    expects_key: bool = True


def _explain(text: str) -> NoReturn:
    """Raise the InputError for the first refused number or key of `text`.

    The decoder refused it, so all text up to it is well formed.
    """
    stack: list[_Container] = []
    for position, lexeme in lexemes(text):
        top = stack[-1] if stack else None
        if lexeme in "[{":
            stack.append(_Container(is_object=lexeme == "{"))
        elif lexeme in "]}":
            stack.pop()
        elif lexeme == ",":
            _next_item(stack[-1])
        elif lexeme == ":":
            stack[-1].expects_key = False
        elif lexeme[0] != '"':
            _check_number(lexeme, text, position, stack)
        elif top is not None and top.is_object and top.expects_key:
            _check_key(top, lexeme, text, position, stack)
    # Not reached while the decoder and this walk agree on what is refused.
    raise InputError("The JSON text holds a number or a key that is refused.", code=_NUMBER)


def lexemes(text: str) -> Iterator[tuple[int, str]]:
    """Brackets, commas, colons, strings (with their quotes), numbers and words, with their offsets.

    Of JSON text these are all there is but blanks; of other text they are something.
    """
    for match in _LEXEME.finditer(text):
        yield match.start(), match[0]


def _next_item(container: _Container) -> None:
    container.expects_key = True
    if isinstance(container.last, int):
        container.last += 1


def _check_number(lexeme: str, text: str, position: int, stack: list[_Container]) -> None:
    if lexeme in {"true", "false", "null"}:
        return
    try:
        if lexeme.lstrip("-").isdigit():
            _integer(lexeme)
            return
        if lexeme.lstrip("-")[0].isdigit():
            _double(lexeme)
            return
    except _RefusedError:
        pass
    shown = lexeme if len(lexeme) <= 40 else f"{lexeme[:39]}…"
    _fail(
        _NUMBER,
        f"The number {shown} cannot be kept exactly by every JSON reader",
        text,
        position,
        "Use a finite number within ±(2^53 - 1), or write it as a string.",
        path=_pointer(stack),
    )


def _check_key(
    container: _Container, lexeme: str, text: str, position: int, stack: list[_Container]
) -> None:
    key: str = json.loads(lexeme)
    container.last = key
    if key in container.keys:
        shown = key if len(key) <= 80 else f"{key[:79]}…"
        _fail(
            "JSON_DUPLICATE_KEY",
            f"The key {json.dumps(shown, ensure_ascii=False)} occurs twice in one object",
            text,
            position,
            "Keep one of the two.",
            path=_pointer(stack),
            key=shown,
        )
    container.keys.add(key)


def _pointer(stack: list[_Container]) -> str:
    parts = (str(container.last).replace("~", "~0").replace("/", "~1") for container in stack)
    return "".join(f"/{part}" for part in parts)


def _fail(
    code: str,
    what: str,
    text: str,
    position: int,
    remedy: str,
    *,
    path: str | None = None,
    key: str | None = None,
) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    details: dict[str, Any] = {"line": line, "column": column}
    if key is not None:
        details["key"] = key
    raise InputError(
        f"{what} (line {line}, column {column}).",
        code=code,
        path=path or None,
        remedy=remedy,
        details=details,
    ) from None
