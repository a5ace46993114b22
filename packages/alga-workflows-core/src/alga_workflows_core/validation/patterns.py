"""Regular expressions of schemas, matched in time proportional to the text.

Python's own engine can take for ever over a pattern and a text that both come from outside. Here
those of the `regex` crate are used, which Pydantic brings: no look-around and no back references,
in exchange for a bound. Patterns are searched for, not anchored, and `$` is the very end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pydantic_core import SchemaError, SchemaValidator, core_schema

from alga_workflows_core.types.json import Json, JsonObject

MAX_PATTERN_LENGTH = 1000
"""Characters of a pattern."""

MAX_POSITIONS = 500
"""Characters and classes of a pattern, with those in `{n}` counted n times. Each character of a
text may have to be compared with as many."""

_SMALL = 60
_LARGE_CLASS = 7
"""What a class with the letters of all scripts counts, as it takes so much more memory."""

# What a class means that holds one of these is a matter of the engine.
_CLASS = re.compile(r"\[\^?(?:[^\\\[\]]|\\.)(?:[^\\\[\]]|\\.)*+\]", re.DOTALL)
_SET_OPERATIONS = re.compile(r"&&|--|~~")
_ESCAPE = re.compile(r"\\(?:[pPxuU]\{[^}]*\}|.)", re.DOTALL)
_ALL_SCRIPTS = re.compile(r"\\[wWpP]")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_FLAGS = re.compile(r"\(\?[A-Za-z-]*\)")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[A-Za-z-]*:))?")
_EXTENDED = re.compile(r"\(\?[A-Za-z-]*x")


def pattern_fault(pattern: str) -> str | None:
    """Why no text is matched against `pattern`, as a sentence, or None."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"Patterns have {MAX_PATTERN_LENGTH} characters at most."
    return _judged(pattern).fault


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`. ValueError if it has a `pattern_fault`."""
    fault = pattern_fault(pattern)
    if fault is not None:
        raise ValueError(fault)
    judged = _judged(pattern)
    return _compiled(pattern, judged.positions).isinstance_python(text)


def pattern_faults(schema: JsonObject) -> Iterator[tuple[tuple[str, ...], str]]:
    """Faulty patterns of `schema` itself, not of those inside it: the way to each, and why."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        fault = pattern_fault(pattern)
        if fault is not None:
            yield ("pattern",), fault
    for name in cast("dict[str, Json]", schema.get("patternProperties", {})):
        fault = pattern_fault(name)
        if fault is not None:
            yield ("patternProperties", name), fault


@dataclass(frozen=True, slots=True)
class _Judged:
    fault: str | None
    positions: int


@lru_cache(maxsize=512)
def _judged(pattern: str) -> _Judged:
    if _EXTENDED.search(pattern):
        return _Judged("Patterns are written without the flag x.", 0)
    try:
        positions = _Positions(pattern).count()
    except ValueError as error:
        return _Judged(str(error), 0)
    if positions > MAX_POSITIONS:
        told = f"The pattern stands for {positions} characters; {MAX_POSITIONS} is the limit."
        return _Judged(told, positions)
    try:
        _compiled(pattern, positions)
    except SchemaError as error:
        # The engine's last line says what is wrong, those before it show where.
        reason = str(error).rpartition("rror: ")[2].strip().splitlines()[0].rstrip(".")
        told = f"The pattern cannot be matched in bounded time: {reason[:150]}."
        return _Judged(told, positions)
    return _Judged(None, positions)


def _compiled(pattern: str, positions: int) -> SchemaValidator:
    return (_small if positions <= _SMALL else _large)(pattern)


@lru_cache(maxsize=512)
def _small(pattern: str) -> SchemaValidator:
    return _made(pattern)


# Each may take ten megabytes.
@lru_cache(maxsize=8)
def _large(pattern: str) -> SchemaValidator:
    return _made(pattern)


def _made(pattern: str) -> SchemaValidator:
    text = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
    return SchemaValidator(text)


class _Positions:
    """How many characters and classes a pattern stands for when its `{n}` are written out."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._sums = [0]
        self._last = 0

    def count(self) -> int:
        """ValueError if the pattern has a class that engines read differently."""
        at = 0
        while at < len(self._pattern):
            at = self._take(at)
        return sum(self._sums)

    def _take(self, at: int) -> int:
        """Count what stands at `at`; where the next thing begins."""
        pattern = self._pattern
        match pattern[at]:
            case "\\":
                return self._atom(_ESCAPE.match(pattern, at), at)
            case "[":
                found = _CLASS.match(pattern, at)
                if found is None or _SET_OPERATIONS.search(found[0]):
                    raise ValueError(
                        "In a class, write [ ] & - and ~ with a backslash where they are meant."
                    )
                return self._atom(found, at)
            case "(":
                return self._open(at)
            case ")":
                inside = self._sums.pop() if len(self._sums) > 1 else 0
                self._add(max(inside, 1))
            case "{":
                found = _COUNT.match(pattern, at)
                if found is not None:
                    return self._repeat(found)
            case "*" | "+" | "?" | "|" | "^" | "$":
                pass
            case _:
                self._add(1)
        return at + 1

    def _atom(self, found: re.Match[str] | None, at: int) -> int:
        is_large = found is not None and _ALL_SCRIPTS.search(found[0]) is not None
        self._add(_LARGE_CLASS if is_large else 1)
        return found.end() if found else at + 1

    def _add(self, positions: int) -> None:
        self._sums[-1] += positions
        self._last = positions

    def _open(self, at: int) -> int:
        flags = _FLAGS.match(self._pattern, at)
        if flags is not None:
            return flags.end()
        self._sums.append(0)
        group = _GROUP.match(self._pattern, at)
        return group.end() if group else at + 1

    def _repeat(self, found: re.Match[str]) -> int:
        least, most = found.groups()
        times = max(int(least), int(most or 0), 1)
        self._sums[-1] += self._last * (times - 1)
        self._last *= times
        return found.end()
