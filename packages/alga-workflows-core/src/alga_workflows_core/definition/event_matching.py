"""Does an event meet the filters of a trigger or of a wait? The only place that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

MISSING = object()
"""No value at all, not even null."""

MAX_KEY = 512
"""Characters of a key that events are found by."""

_KEY = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_KEY}}}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A wait takes the event, by its match of this index."""

    match: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The wait's match of this index looks for such events; its filter of that index refuses this
    one."""

    match: int
    filter: int


def offer(
    event: JsonObject,
    keys: Collection[str],
    detail: JsonObject,
    *,
    reaches: Callable[[JsonObject], bool] = lambda match: True,  # noqa: ARG005
) -> Taken | Refused | None:
    """What an open wait makes of an event that has these keys; None: it does not concern it.

    `detail` is that of an event wait (`interpreter.waits.Wait`). Matches that do not `reach` the
    event are left out: those that do not look back so far.
    """
    refused: Refused | None = None
    for index, match in enumerate(detail["matches"]):
        if not (concerns(match, event, keys) and reaches(match)):
            continue
        refusal = first_refusal(event, match["filters"])
        if refusal is None:
            return Taken(index)
        refused = refused or Refused(index, refusal)
    if refused is None:
        return None
    for match in detail.get("besides", ()):
        taken = concerns(match, event, keys) and reaches(match)
        if taken and first_refusal(event, match["filters"]) is None:
            # Another wait of the same step will take it.
            return None
    return refused


def concerns(match: JsonObject, event: JsonObject, keys: Collection[str]) -> bool:
    """Whether a match looks for events of this name and one of these keys."""
    key: str | None = match["correlationKey"]
    return bool(match["eventName"] == event["name"]) and (key is None or key in keys)


def first_refusal(event: JsonObject, filters: Sequence[JsonObject]) -> int | None:
    """The index of the first filter that `event` does not meet; None if it meets all.

    A filter is `{"path", "op", "value"}` with its value resolved. What is missing meets
    `not_exists`, `!=` and `not_in` only; null counts as missing for `exists`. Numbers are ordered
    among numbers and texts among texts, anything else is not ordered.
    """
    for index, each in enumerate(filters):
        if not _meets(value_at(event, each["path"]), each["op"], each.get("value")):
            return index
    return None


def value_at(event: JsonObject, path: str) -> object:
    """What an event has at a path as `payload.order.id`; `MISSING` where there is nothing."""
    here: Json = event
    for name in path.split("."):
        if not isinstance(here, dict) or name not in here:
            return MISSING
        here = cast("JsonObject", here)[name]
    return here


def key_text(value: Json) -> str | None:
    """The key that a text or a number is; None for anything else, and for texts that no key is:
    empty ones, those over `MAX_KEY` characters, and what no event can have."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    is_key = isinstance(value, str) and _KEY.fullmatch(value) is not None
    return value if is_key else None


def _meets(found: object, op: str, value: Json) -> bool:
    if op == "exists":
        return found is not MISSING and found is not None
    if op == "not_exists":
        return found is MISSING or found is None
    if found is MISSING:
        return op in ("!=", "not_in")
    return _OPERATIONS[op](found, value)


def _equal(found: Json, value: Json) -> bool:
    """JSON's equality: true is not 1, and 1.0 is 1."""
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    if isinstance(found, list) and isinstance(value, list):
        ours, theirs = cast("list[Json]", found), cast("list[Json]", value)
        return len(ours) == len(theirs) and all(map(_equal, ours, theirs))
    if isinstance(found, dict) and isinstance(value, dict):
        mine, other = cast("JsonObject", found), cast("JsonObject", value)
        return mine.keys() == other.keys() and all(_equal(mine[name], other[name]) for name in mine)
    return bool(found == value)


def _among(found: Json, value: Json) -> bool:
    entries = cast("list[Json]", value) if isinstance(value, list) else [value]
    return any(_equal(found, entry) for entry in entries)


def _ordered(compare: Callable[[Json, Json], bool]) -> Callable[[Json, Json], bool]:
    def meets(found: Json, value: Json) -> bool:
        if isinstance(found, bool) or isinstance(value, bool):
            return False
        for kind in (str, int | float):
            if isinstance(found, kind) and isinstance(value, kind):
                return compare(found, value)
        return False

    return meets


def _contains(found: Json, value: Json) -> bool:
    if isinstance(found, list):
        return any(_equal(entry, value) for entry in cast("list[Json]", found))
    return isinstance(found, str) and isinstance(value, str) and value in found


def _begins(found: Json, value: Json) -> bool:
    return isinstance(found, str) and isinstance(value, str) and found.startswith(value)


def _ends(found: Json, value: Json) -> bool:
    return isinstance(found, str) and isinstance(value, str) and found.endswith(value)


_OPERATIONS: Mapping[str, Callable[[Json, Json], bool]] = MappingProxyType(
    {
        "=": _equal,
        "!=": lambda found, value: not _equal(found, value),
        "in": _among,
        "not_in": lambda found, value: not _among(found, value),
        ">": _ordered(lambda a, b: a > b),
        ">=": _ordered(lambda a, b: a >= b),
        "<": _ordered(lambda a, b: a < b),
        "<=": _ordered(lambda a, b: a <= b),
        "contains": _contains,
        "starts_with": _begins,
        "ends_with": _ends,
    }
)
