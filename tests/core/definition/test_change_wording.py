"""The words for what changed in each part of the grammar; they stand in `wording/edits.yaml`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from alga_workflows_core.definition.changes import changes
from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.definition.source import read
from tests.core.validation.documents import edited

HERE = Path(__file__).parent / "wording"


def _read(name: str) -> Any:
    return read((HERE / name).read_bytes(), name=name).document


DOCUMENT: dict[str, Any] = _read("definition.yaml")
EDITS: list[dict[str, Any]] = _read("edits.yaml")


@pytest.mark.parametrize("row", EDITS, ids=[next(iter(row["says"])) for row in EDITS])
def test_each_change_has_its_words(row: dict[str, Any]) -> None:
    """With the place in the later document, or in the former for what was removed."""
    edits = [(where, ... if value == "!remove" else value) for where, value in row["edit"]]
    before, after = copy.deepcopy(DOCUMENT), edited(DOCUMENT, *edits)
    parse_definition(before)
    parse_definition(after)
    found = [(f"{each.kind} {each.path}", each.message) for each in changes(before, after)]
    assert found == list(row["says"].items())
