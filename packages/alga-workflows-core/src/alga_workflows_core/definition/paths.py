"""Paths that a step may write to: `vars.a.b`."""

from __future__ import annotations

import re
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_REFUSED = frozenset({"__proto__", "prototype", "constructor"})
MAX_NAMES = 32
"""Names that a path may have behind `vars`; an assignment may have to make as many objects."""


def fault_of(path: str) -> str | None:
    """Why `path` may not be written to, or None if it may."""
    root, *segments = path.split(".")
    if root != "vars" or not segments:
        return "it has to begin with `vars.` and name a variable"
    if len(segments) > MAX_NAMES:
        return f"it has more than {MAX_NAMES} names"
    for segment in segments:
        if segment == "":
            return "it has an empty segment"
        if segment in _REFUSED:
            return f"the name `{segment}` is reserved"
        if not _SEGMENT.fullmatch(segment):
            return f"`{segment}` is not a name (letters, digits, _ and -, a letter first)"
    return None


def assign(variables: JsonObject, path: str, value: Json) -> JsonObject:
    """`variables` with `value` at `path`; what lies beside the path is shared, nothing is changed.

    An intermediate value that is not an object is replaced by one.
    """
    _, *segments = path.split(".")
    return _with(variables, segments, value)


def _with(target: Json, segments: list[str], value: Json) -> JsonObject:
    head, *rest = segments
    base: JsonObject = dict(cast("JsonObject", target)) if isinstance(target, dict) else {}
    base[head] = _with(base.get(head), rest, value) if rest else value
    return base
