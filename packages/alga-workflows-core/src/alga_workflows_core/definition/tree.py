"""The tree of steps of a document that may be no definition: a draft, or an older version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

BLOCK_NAMES = frozenset({"then", "else", "default", "body", "try", "catch", "finally", "steps"})
"""The members of steps, cases and branches that hold steps."""

_HOLDERS = ("cases", "branches")


def raw_blocks(step: JsonObject) -> Iterator[tuple[tuple[str | int, ...], list[Json]]]:
    """The lists of steps in `step` in the order in which they are written, each with the members
    and indices that lead there.
    """
    for name, member in step.items():
        if not isinstance(member, list):
            continue
        entries = cast("list[Json]", member)
        if name in BLOCK_NAMES:
            yield (name,), entries
        elif name in _HOLDERS:
            for index, entry in enumerate(entries):
                inner = cast("JsonObject", entry).get("steps") if isinstance(entry, dict) else None
                if isinstance(inner, list):
                    yield (name, index, "steps"), cast("list[Json]", inner)
