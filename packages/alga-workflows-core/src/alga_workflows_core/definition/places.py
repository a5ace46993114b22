"""Where in its text each part of a document stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Within: TypeAlias = "Mapping[str, Place] | Sequence[Place]"
"""The places of an object's members, by name, or of a list's items; of anything else `()`."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, in characters and from 1, and the places of what is inside.

    A member of an object stands where its name begins, everything else where it begins itself.
    """

    line: int
    column: int
    within: Within = ()

    def find(self, pointer: str) -> Place | None:
        """The place that the JSON Pointer (RFC 6901) leads to from here; None if there is none."""
        if not pointer:
            return self
        if not pointer.startswith("/") or _BAD_ESCAPE.search(pointer):
            return None
        here: Place | None = self
        for part in pointer[1:].split("/"):
            here = _part(here.within, part.replace("~1", "/").replace("~0", "~"))
            if here is None:
                break
        return here


def _part(within: Within, name: str) -> Place | None:
    if isinstance(within, Mapping):
        return within.get(name)
    if not _INDEX.fullmatch(name) or int(name) >= len(within):
        return None
    return within[int(name)]
