"""What steps write, told with the place of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.validation.visits import visits
from alga_workflows_core.validation.written import above, overlap, written_paths
from tests.core.validation.test_table import DEFINITIONS


def _writes(holder: Any, here: str = "") -> Iterator[tuple[str, str]]:
    """Every (pointer, path) that a document writes to, found by the names of its members."""
    if isinstance(holder, list):
        for index, entry in enumerate(cast("list[Any]", holder)):
            yield from _writes(entry, f"{here}/{index}")
    elif isinstance(holder, dict):
        for name, member in cast("dict[str, Any]", holder).items():
            where = f"{here}/{name}"
            if name in {"saveAs", "captureErrorAs"}:
                yield where, member
            elif name == "assign":
                yield from ((f"{where}/{path}", path) for path in member)
            else:
                yield from _writes(member, where)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_write_of_a_definition_is_told(name: str) -> None:
    """The definitions of the table use every field that writes."""
    told = [
        (visit.here + where, path)
        for visit in visits(parse_definition(DEFINITIONS[name]))
        for where, path in written_paths(visit.step)
    ]
    assert sorted(told) == sorted(_writes(DEFINITIONS[name]))


def test_what_holds_a_path_is_told_from_the_outside() -> None:
    """Down to the variable itself, which nothing holds but `vars`."""
    assert list(above("vars.a.b.c")) == ["vars.a", "vars.a.b"]
    assert list(above("vars.a")) == []


def test_paths_overlap_if_one_leads_into_the_other() -> None:
    """Whole names count, not their beginnings."""
    assert overlap("vars.a", "vars.a")
    assert overlap("vars.a", "vars.a.b.c")
    assert overlap("vars.a.b.c", "vars.a")
    assert not overlap("vars.a", "vars.ab")
    assert not overlap("vars.a.b", "vars.a.c")
