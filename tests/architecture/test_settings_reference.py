"""The page on settings says what the settings models say."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from alga_workflows_core.infra.settings import Settings
from alga_workflows_core.validation.findings import Code
from tests.architecture.workspace import DISTRIBUTIONS, ROOT, import_name, source_modules

PAGE = ROOT / "docs" / "reference" / "settings.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z_]+)` \| (`(?P<default>[^`]*)`)? ?\| (?P<meaning>.+) \|$")

# Variables have these prefixes, codes of errors have not.
VARIABLE = re.compile(
    r"(WORKFLOW|WORKER|DATABASE|TEMPORAL|LOG|XDG|NO|SSL|MAX|SUPABASE)_[A-Z_]+|PORT"
)
# They look like variables, and are codes of errors and findings.
CODES = {
    "DATABASE_PRIVILEGES",
    "DATABASE_TOO_OLD",
    "NO_DRAFT",
    "NO_STREAM",
    "NO_TENANT",
    "NO_TYPE",
    *Code,
}


def written(default: Any) -> str | None:
    """A model's default as the page shows it; None for none."""
    if default is PydanticUndefined or default is None or default == ():
        return None
    return f"{default:g}" if isinstance(default, float) else str(default)


def settings_models() -> Iterator[type[Settings]]:
    """Every settings model that we ship."""
    ours = {import_name(distribution) for distribution in DISTRIBUTIONS}
    for module in source_modules():
        if "Settings" in module.text:
            importlib.import_module(module.name)
    for model in Settings.__subclasses__():
        if model.__module__.split(".")[0] in ours:
            yield model


@pytest.fixture(scope="module")
def rows() -> dict[str, re.Match[str]]:
    """The rows of the page's tables, by variable."""
    found = [ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {row["name"]: row for row in found if row}


def test_every_setting_has_its_row(rows: dict[str, re.Match[str]]) -> None:
    """Each variable of each model is on the page, with the default that it has."""
    expected = {
        str(field.validation_alias): written(field.default)
        for model in settings_models()
        for field in model.model_fields.values()
    }
    assert len(expected) > 10
    assert {name: rows[name]["default"] if name in rows else "no row" for name in expected} == (
        expected
    )


def test_every_variable_that_is_read_is_mentioned() -> None:
    """A variable that our code names anywhere is on the page, if only in a sentence."""
    page = PAGE.read_text(encoding="utf-8")
    named = {
        node.value
        for module in source_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and VARIABLE.fullmatch(node.value)
    }
    assert {name for name in named - CODES if f"`{name}`" not in page} == set()


def test_every_row_is_of_a_variable_that_is_read(rows: dict[str, re.Match[str]]) -> None:
    """What the page promises exists in the code."""
    source = "\n".join(module.text for module in source_modules())
    assert {name for name in rows if f'"{name}"' not in source} == set()
