"""Values of a document as sentences show them: on one line, and never long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import cast

from alga_workflows_core.calendars.durations import parse_duration
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


def direction(old: Json, new: Json) -> int:
    """1 where `new` is more than `old` (numbers) or longer (durations), -1 where it is less.

    0 where that cannot be told: a month may be longer than 30 days, or not.
    """
    if isinstance(old, str) and isinstance(new, str):
        try:
            former, later = parse_duration(old), parse_duration(new)
        except ValueError:
            return 0
        rest = timedelta(days=later.days - former.days) + later.exact - former.exact
        return _sign(later.months - former.months, rest / timedelta(seconds=1))
    if _is_number(old) and _is_number(new):
        return _sign(cast("float", new) - cast("float", old))
    return 0


def _sign(*differences: float) -> int:
    if all(each >= 0 for each in differences) and any(differences):
        return 1
    return -1 if all(each <= 0 for each in differences) and any(differences) else 0


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
