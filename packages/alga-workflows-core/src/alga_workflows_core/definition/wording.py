"""Values of a document as sentences show them: on one line, and never long."""

from __future__ import annotations

import json
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

_SHOWN = 80
_KEPT = 20


def shown(value: Json) -> str:
    """`value` as compact JSON, an expression as its text in back quotes; 80 characters at most."""
    return _cut(_text(value), 0)


def from_to(old: Json, new: Json) -> str:
    """`from … to …`; where both are long and begin alike, what stands around the difference."""
    former, later = _text(old), _text(new)
    start = 0
    if max(len(former), len(later)) > _SHOWN:
        start = max(0, _first_difference(former, later) - _KEPT)
    return f"from {_cut(former, start)} to {_cut(later, start)}"


def _first_difference(former: str, later: str) -> int:
    pairs = enumerate(zip(former, later, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(former), len(later)))


def _text(value: Json) -> str:
    if isinstance(value, dict):
        members = cast("JsonObject", value)
        expression = members.get("$expr")
        if len(members) == 1 and isinstance(expression, str):
            return f"`{' '.join(expression.split())}`"
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _cut(text: str, start: int) -> str:
    rest = f"…{text[start:]}" if start > 0 else text
    return rest if len(rest) <= _SHOWN else f"{rest[: _SHOWN - 1]}…"
