"""The order in which a reader meets the places of a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Finding


def in_document_order(findings: Iterable[Finding], document: Json) -> list[Finding]:
    """`findings` from the top of the document to its end; what is missing, where its holder ends.

    Findings of one place keep their order.
    """
    listed = list(findings)
    if len(listed) < 2:
        return listed
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    _number(document, "", begins, ends)

    def position(finding: Finding) -> tuple[int, int]:
        if finding.path in begins:
            return begins[finding.path], 0
        holder = finding.path
        while holder not in ends:
            holder = holder.rpartition("/")[0]
        return ends[holder], 1

    return sorted(listed, key=position)


def _number(value: Json, here: str, begins: dict[str, int], ends: dict[str, int]) -> None:
    begins[here] = len(begins)
    if isinstance(value, list):
        for index, item in enumerate(cast("list[Json]", value)):
            _number(item, here + pointer(index), begins, ends)
    elif isinstance(value, dict):
        for name, member in cast("JsonObject", value).items():
            _number(member, here + pointer(name), begins, ends)
    ends[here] = len(begins) - 1
