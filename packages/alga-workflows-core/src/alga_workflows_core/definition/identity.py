"""What makes two documents the same version.

The hash is the sha256 of the canonical JSON (RFC 8785), which sorts the members of objects. The
members of a step's `config.assign` are carried out in the order in which they are written, so that
order is part of the identity: where it differs from the sorted one, a list of these orders is
hashed too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import cast

from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.types.json import Json, JsonObject

_BRANCHES = ("then", "else")


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


def _orders(steps: Json, parent: str) -> Iterator[Json]:
    """[JSON Pointer, names in order] of every step's `assign` that is not written sorted.

    Drafts have an identity too, so these need not be steps at all.
    """
    if not isinstance(steps, list):
        return
    for index, step in enumerate(cast("list[Json]", steps)):
        if not isinstance(step, dict):
            continue
        here = parent + pointer(index)
        members = cast("JsonObject", step)
        config = members.get("config")
        if members.get("type") == "transform.assign" and isinstance(config, dict):
            assigned = cast("JsonObject", config).get("assign")
            if isinstance(assigned, dict):
                names = list(cast("JsonObject", assigned))
                if names != sorted(names):
                    yield [here + pointer("config", "assign"), names]
        for branch in _BRANCHES:
            yield from _orders(members.get(branch), here + pointer(branch))
