"""A mask of secrets: replaces them wherever they stand in what an action says.

A secret of four characters or more is found inside longer texts, as it is and in the encodings of
`secret_forms`. A shorter one would be found by chance everywhere: it is replaced only where it is
a whole text. A number is replaced if it is written like a secret of four or more characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.secret_forms import SHORTEST, forms_of
from alga_workflows_core.types.json import Json

MASK = "***"

# What Python writes a number as. Beyond 2^53 one that is whole is not written like a whole number.
_NUMBER = re.compile(r"-?\d{1,320}(?:\.\d+)?(?:e[-+]\d+)?", re.ASCII)
_LARGEST_WHOLE = 2**53

# Joins texts that are masked in one go: the first of these that stands in none of them.
_SEPARATORS = ("\0", "\x1f", "\x1e", "\x1d", "\ue000", "\uf8ff", "\U0010fffd")


class Mask:
    """Of the secrets of one call. Takes time linear in what it masks."""

    __slots__ = ("_forms", "_numbers", "_short")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if secret}
        long = {secret for secret in known if len(secret) >= SHORTEST}
        self._short = frozenset(known - long)
        self._numbers = frozenset(filter(_NUMBER.fullmatch, long))
        self._forms = tuple(dict.fromkeys(form for secret in long for form in forms_of(secret)))

    def __repr__(self) -> str:
        return "Mask()"

    def __bool__(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._short or self._forms)

    def text(self, text: str) -> str:
        """`text` with `***` in place of every secret."""
        if text in self._short:
            return MASK
        return _without(text, self._spans(text))

    def json(self, value: Json) -> Json:
        """`value` with `***` in place of every secret, also in the keys of objects.

        Keys that become the same get a number behind them. What holds no secret is answered as it
        is, not copied.
        """
        if not self:
            return value
        texts = list(_texts(value))
        masked = self._texts(texts)
        if masked == texts and not (self._numbers and self._holds_number(value)):
            return value
        return self._rebuilt(value, dict(zip(texts, masked, strict=True)))

    def error(self, error: ActionError) -> ActionError:
        """`error` itself, masked in place and without its causes, which may hold anything.

        Mask before its message is cut (`ActionError.info`): half a secret is not found.
        """
        if not self:
            return error
        error.error_code = self.text(error.error_code)
        error.message = self.text(error.message)
        error.remedy = None if error.remedy is None else self.text(error.remedy)
        error.path = None if error.path is None else self.text(error.path)
        error.args = (error.message,)
        error.details = self._details(error.details)
        error.__notes__ = [self.text(str(note)) for note in getattr(error, "__notes__", ())]
        error.__cause__ = error.__context__ = None
        error.__suppress_context__ = True
        return error

    def _details(self, details: dict[str, Any]) -> dict[str, Any]:
        try:
            # What json writes as text without being text (a tuple, a number as key) is text here.
            return self.json(json.loads(json.dumps(details, allow_nan=False)))
        except (TypeError, ValueError, RecursionError):
            return {"omitted": "The details are not JSON."}

    def _texts(self, texts: list[str]) -> list[str]:
        """Each of `texts`, masked. They are searched as one: most values are many short texts."""
        for separator in _SEPARATORS:
            joined = separator.join(texts)
            if joined.count(separator) == len(texts) - 1 and not any(
                separator in form.text for form in self._forms
            ):
                masked = _without(joined, self._spans(joined)).split(separator)
                return [MASK if text in self._short else text for text in masked]
        return [self.text(text) for text in texts]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand in `text`, in order and apart from each other."""
        found: list[tuple[int, int]] = []
        for form in self._forms:
            found += form.spans(text)
        found.sort()
        apart: list[tuple[int, int]] = []
        for start, end in found:
            if apart and start <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
            else:
                apart.append((start, end))
        return apart

    def _holds_number(self, value: Json) -> bool:
        if isinstance(value, dict):
            return any(map(self._holds_number, cast("dict[str, Json]", value).values()))
        if isinstance(value, list):
            return any(map(self._holds_number, cast("list[Json]", value)))
        return self._is_number(value)

    def _is_number(self, value: Json) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        whole = isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE
        return str(value) in self._numbers or (whole and str(int(value)) in self._numbers)

    def _rebuilt(self, value: Json, masked: dict[str, str]) -> Json:
        if isinstance(value, str):
            return masked[value]
        if isinstance(value, list):
            return [self._rebuilt(item, masked) for item in cast("list[Json]", value)]
        if isinstance(value, dict):
            members: dict[str, Json] = {}
            for name, member in cast("dict[str, Json]", value).items():
                shown = masked[name]
                if shown != name:
                    shown = _free(shown, members, cast("dict[str, Json]", value))
                members[shown] = self._rebuilt(member, masked)
            return members
        return MASK if self._is_number(value) else value


def _free(name: str, taken: dict[str, Json], others: dict[str, Json]) -> str:
    """`name`, with a number behind it if another member has it."""
    number, free = 1, name
    while free in taken or free in others:
        number += 1
        free = f"{name} ({number})"
    return free


def _texts(value: Json) -> Iterator[str]:
    waiting: list[Json] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += cast("list[Json]", one)
        elif isinstance(one, dict):
            members = cast("dict[str, Json]", one)
            yield from members
            waiting += members.values()


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], MASK)
        at = end
    return "".join((*parts, text[at:]))
