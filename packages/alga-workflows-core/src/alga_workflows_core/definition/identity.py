"""What makes two documents the same version.

The hash is the sha256 of the canonical JSON (RFC 8785), which sorts the members of objects. The
members of an `assign` are carried out in the order in which they are written, in whatever type of
step, so that order is part of the identity: where it differs from the sorted one, a list of these
orders is hashed too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import cast

from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer

_ASSIGNING = frozenset({"transform.assign", "event.wait", "human.task"})
_ALTERNATIVES = ("any", "all")


def document_hash(document: JsonObject) -> str:
    """The identity of a document as 64 hex digits; InputError if it has no canonical form."""
    content = canonical(document)
    orders = list(_orders(document.get("steps"), "/steps"))
    if orders:
        content += b"\n" + canonical(orders)
    return hashlib.sha256(content).hexdigest()


def document_text(document: JsonObject) -> str:
    """The document as it is stored: compact JSON with its members in the authored order."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def assignments(step: JsonObject) -> Iterator[tuple[tuple[str | int, ...], JsonObject]]:
    """Every `assign` of a step, with the members and indices that lead there.

    Drafts have an identity too, so the step need not be one at all.
    """
    kind, config = step.get("type"), step.get("config")
    if not isinstance(kind, str) or kind not in _ASSIGNING or not isinstance(config, dict):
        return
    members = cast("JsonObject", config)
    yield from _assigned(members, "config")
    if kind != "event.wait":
        return
    for name in _ALTERNATIVES:
        listed = members.get(name)
        if isinstance(listed, list):
            for index, each in enumerate(cast("list[Json]", listed)):
                if isinstance(each, dict):
                    yield from _assigned(cast("JsonObject", each), "config", name, index)


def _assigned(
    holder: JsonObject, *place: str | int
) -> Iterator[tuple[tuple[str | int, ...], JsonObject]]:
    assign = holder.get("assign")
    if isinstance(assign, dict):
        yield (*place, "assign"), cast("JsonObject", assign)


def _orders(steps: Json, parent: str) -> Iterator[Json]:
    """[JSON Pointer, names in order] of every `assign` that is not written sorted."""
    if not isinstance(steps, list):
        return
    for index, step in enumerate(cast("list[Json]", steps)):
        if not isinstance(step, dict):
            continue
        here = parent + pointer(index)
        members = cast("JsonObject", step)
        for place, assign in assignments(members):
            names = list(assign)
            if names != sorted(names):
                yield [here + pointer(*place), cast("Json", names)]
        for place, inner in sorted(raw_blocks(members), key=_rank):
            yield from _orders(inner, here + pointer(*place))


def _rank(block: tuple[tuple[str | int, ...], list[Json]]) -> tuple[bool, str, int]:
    """`then` first, the others by name: an order that is none of the document's."""
    name, *rest = block[0]
    return name != "then", str(name), int(rest[0]) if rest else 0
