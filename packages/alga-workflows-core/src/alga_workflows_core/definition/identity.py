"""What makes two documents the same version.

The hash is the sha256 of the canonical JSON (RFC 8785), which sorts the members of objects. The
members of `config.assign` are carried out in the order in which they are written, so that order is
part of the identity: where it differs from the sorted one, a list of these orders is hashed too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import cast

from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.types.json import Json, JsonObject


def document_hash(document: JsonObject) -> str:
    """The identity of a document as 64 hex digits; InputError if it has no canonical form."""
    content = canonical(document)
    orders = list(_orders(document, ""))
    if orders:
        content += b"\n" + canonical(orders)
    return hashlib.sha256(content).hexdigest()


def document_text(document: JsonObject) -> str:
    """The document as it is stored: compact JSON with its members in the authored order."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _orders(value: Json, pointer: str) -> Iterator[Json]:
    """[JSON Pointer, names in order] of every `config.assign` that is not written sorted."""
    if isinstance(value, list):
        for index, item in enumerate(cast("list[Json]", value)):
            yield from _orders(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        members = cast("JsonObject", value)
        for name in sorted(members):
            yield from _orders(members[name], f"{pointer}/{name}")
        assigned = members.get("assign")
        if pointer.endswith("/config") and isinstance(assigned, dict):
            names = list(cast("JsonObject", assigned))
            if names != sorted(names):
                yield [f"{pointer}/assign", names]
