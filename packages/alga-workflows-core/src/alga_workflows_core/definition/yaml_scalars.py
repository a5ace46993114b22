"""Scalars by the core schema of YAML 1.2.2 (chapter 10.3), as far as they are JSON."""

from __future__ import annotations

import math
import re
from types import MappingProxyType

from alga_workflows_core.types.strict_json import MAX_SAFE_INTEGER, whole

TAG_PREFIX = "tag:yaml.org,2002:"
"""What `!!` stands for."""

_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)
_NUMBER_BEGINS = frozenset("+-.0123456789")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DOUBLE = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# More, leading zeros aside, are beyond 2^53 in every base; `int` never sees a very long text.
_MOST_DIGITS = 18


class NumberRefusedError(ValueError):
    """A number that JSON does not have, or that not every reader of JSON keeps exactly."""


class TagRefusedError(ValueError):
    """A tag that the core schema does not have for scalars, or that does not fit the text."""


def resolve(text: str) -> bool | int | float | str | None:
    """What the plain scalar `text` is. NumberRefusedError if that is no number of strict JSON.

    As in strict JSON `1.0` is the integer 1.
    """
    value = _resolved(text)
    return whole(value) if isinstance(value, float) else value


def _resolved(text: str) -> bool | int | float | str | None:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    if _DECIMAL.fullmatch(text):
        number = _integer(text.lstrip("+-"), 10)
        return -number if text[0] == "-" else number
    if _BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _DOUBLE.fullmatch(text):
        return _double(text)
    if _NOT_FINITE.fullmatch(text):
        raise NumberRefusedError
    return text


def resolve_tagged(tag: str, text: str) -> bool | int | float | str | None:
    """What `text`, in quotes or not, is under `tag`; NumberRefusedError as `resolve`.

    TagRefusedError for every tag but `!!str`, `!!int`, `!!float`, `!!bool` and `!!null`, and for
    these where `text` is not what they say, as in `!!int 1.0`.
    """
    if not tag.startswith(TAG_PREFIX):
        raise TagRefusedError
    name = tag.removeprefix(TAG_PREFIX)
    if name == "str":
        return text
    value = _resolved(text)
    is_number = name == "float" and type(value) in (int, float)
    if not is_number and name != ("null" if value is None else type(value).__name__):
        raise TagRefusedError
    return whole(value) if isinstance(value, float) else value


def _integer(digits: str, base: int) -> int:
    significant = digits.lstrip("0") or "0"
    if len(significant) > _MOST_DIGITS or (number := int(significant, base)) > MAX_SAFE_INTEGER:
        raise NumberRefusedError
    return number


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NumberRefusedError
    return number
