"""The page on guarantees names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.workspace import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
ROW = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<held>[^|]+) \|$")
NAMED = re.compile(r"`(tests/[^`]+)`")


def is_there(named: str) -> bool:
    """Whether there is such a test, or such a case of the scenario table."""
    path, _, test = named.partition("::")
    if not test:
        return (ROOT / path / "definition.yaml").is_file()
    return test in names_in(ROOT / path)


def names_in(path: Path) -> set[str]:
    """The names of the tests in a file; none where there is no file."""
    if not path.is_file():
        return set()
    return {
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_promise_is_held_by_tests_that_are_there() -> None:
    """Each row names one at least, and all that are named exist."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(ROW.match, lines) if row and row["promise"] != "promise"]
    assert len(rows) > 30
    assert [row["promise"] for row in rows if not NAMED.findall(row["held"])] == []
    assert [named for named in NAMED.findall("\n".join(lines)) if not is_there(named)] == []
    assert len([line for line in lines if line.startswith("| ")]) == len(rows) + sum(
        line.startswith("## ") for line in lines
    )
