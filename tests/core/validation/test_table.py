"""The table: correct definitions have no findings, and each seeded mistake is found at its place.

`definitions/*.yaml` are correct. `mistakes/*.yaml` are lists of `{in: name of a definition, edit:
[[JSON Pointer, value], …], finds: [CODE at /path, …], says?: text}`. The value "!remove" takes
away; `-` in a pointer stands for a new last entry, `+2` for one in front of index 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from alga_workflows_core.definition.source import read
from alga_workflows_core.validation.findings import Code
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import edited
from tests.core.validation.world import CATALOGUE

HERE = Path(__file__).parent
REMOVE = "!remove"


def _read(path: Path) -> Any:
    return read(path.read_bytes(), name=path.name).document


DEFINITIONS: dict[str, dict[str, Any]] = {
    path.stem: _read(path) for path in sorted((HERE / "definitions").glob("*.yaml"))
}
MISTAKES: list[tuple[str, dict[str, Any]]] = [
    (f"{path.stem}-{number}", mistake)
    for path in sorted((HERE / "mistakes").glob("*.yaml"))
    for number, mistake in enumerate(cast("list[dict[str, Any]]", _read(path)), 1)
]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_correct_definition_has_no_findings(name: str) -> None:
    """Not even a warning, so that authors learn to read them."""
    found = validate(DEFINITIONS[name], CATALOGUE).findings
    assert [f"{each.code} at {each.path}: {each.message}" for each in found] == []


@pytest.mark.parametrize(("_label", "mistake"), MISTAKES, ids=[label for label, _ in MISTAKES])
def test_a_mistake_is_found_at_its_place(_label: str, mistake: dict[str, Any]) -> None:
    """With its code and path, and nothing else is found."""
    edits = [(where, ... if value == REMOVE else value) for where, value in mistake["edit"]]
    document = edited(DEFINITIONS[mistake["in"]], *edits)
    found = validate(document, CATALOGUE).findings
    assert [f"{each.code} at {each.path}" for each in found] == mistake["finds"]
    said = " ".join(f"{each.message} {each.suggestion or ''}" for each in found)
    assert mistake.get("says", "") in said


def test_the_table_is_large_enough() -> None:
    """Thirty correct definitions, 120 mistakes, and every code but those of unreadable input."""
    assert len(DEFINITIONS) >= 30
    assert len(MISTAKES) >= 120
    seeded = {place.split(" at ")[0] for _, mistake in MISTAKES for place in mistake["finds"]}
    elsewhere = {
        *(Code.DOCUMENT_NOT_JSON, Code.DOCUMENT_NOT_OBJECT, Code.DOCUMENT_TOO_LARGE),
        Code.STEP_PATH_TOO_LONG,
    }
    assert set(Code) - elsewhere <= seeded
