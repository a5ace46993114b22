"""Hostile sizes end as the documentation says, and the page is in step with the code."""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.core.expressions.hostile import CASES, ROOT, Case, measured

from alga_workflows_core.expressions import errors, functions, limits

PAGE = (ROOT / "docs" / "reference" / "expressions.md").read_text()
SHORT = [case for case in CASES if case.short]


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_a_hostile_size_ends_as_documented(case: Case) -> None:
    """In a process with four gibibytes each ends with a value or its code, in time for a task."""
    found = measured(case)
    assert found.outcome == case.outcome
    assert found.seconds < 1.9
    assert found.mebibytes < 1024


def test_the_command_that_measures_prints_rows() -> None:
    """`scripts/measure-expressions` is what the page says makes its table."""
    script = ROOT / "scripts" / "measure-expressions"
    assert script.stat().st_mode & 0o111
    done = subprocess.run(
        ["bash", "-n", str(script)], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "-m tests.core.expressions.hostile" in script.read_text()
    assert "scripts/measure-expressions" in PAGE


def test_the_page_has_every_hostile_case_with_its_outcome() -> None:
    """Each case that is measured is a row of the page, with the outcome that it has."""
    for case in CASES:
        row = next((line for line in PAGE.splitlines() if line.startswith(f"| {case.name} |")), "")
        assert re.search(rf"\| `?{case.outcome}`? \| \d+\.\d\d s \| \d+ MiB \|$", row), case.name


def test_the_page_has_every_limit_with_its_value() -> None:
    """The table of limits names the constants of limits.py, and no others, with their values."""
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {name: int(value.replace(",", "")) for name, value in rows.items()} == values


def test_the_page_has_every_code_and_every_function() -> None:
    """All codes of errors.py and all functions of ours are on the page."""
    codes = {value for value in vars(errors).values() if isinstance(value, str)}
    for code in {code for code in codes if re.fullmatch(r"(EXPRESSION|CONDITION)_[A-Z_]+", code)}:
        assert re.search(rf"^\| `{code}` \|", PAGE, re.MULTILINE), code
    for name in functions.OWN_FUNCTIONS | {"eval", "distinct", "keys", "join", "replace"}:
        assert f"`${name}" in PAGE, name
