"""The page on the built-in actions says what their contracts say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alga_workflows_core.actions.builtin.catalogue import builtin_specs
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.validation.schema_faults import schema_faults

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "actions.md"
ROW = re.compile(r"^\| `([a-z]+\.\w+)` \| (.+) \| (.*) \| (.*) \|$")
NAME = re.compile(r"`([^`]+)`")
SPECS = list(builtin_specs().values())
OUTSIDE = {
    "data.delete",
    "data.get",
    "data.increment",
    "data.list",
    "data.set",
    "events.publish",
    "http.request",
    "log.write",
}


def fields(schema: JsonObject) -> list[str]:
    """The fields of a schema, those with `?` that may be left out."""
    required = schema.get("required", [])
    return [name if name in required else f"{name}?" for name in schema.get("properties", {})]


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[list[str], list[str]]]:
    """Input and output of each action, as the page has them."""
    found = [ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    matched = [row for row in found if row]
    assert len({row[1] for row in matched}) == len(matched), "an action is listed twice"
    return {row[1]: (NAME.findall(row[3]), NAME.findall(row[4])) for row in matched}


def test_the_page_lists_the_actions(rows: dict[str, tuple[list[str], list[str]]]) -> None:
    """All that are registered and no others, each with its fields in the order of the contract."""
    expected = {
        spec.id: (fields(spec.input_schema), list(spec.output_schema.get("properties", {})))
        for spec in SPECS
    }
    assert rows == expected


def test_the_page_tells_every_code() -> None:
    """Errors that actions raise themselves are in the table of errors."""
    sources = (Path(builtin_specs.__code__.co_filename).parent).glob("*.py")
    raised = {
        code
        for source in sources
        for code in re.findall(r'refused\(\s*"([A-Z_0-9]+)"', source.read_text(encoding="utf-8"))
    }
    assert len(raised) > 8
    page = PAGE.read_text(encoding="utf-8")
    assert {code for code in raised if f"| `{code}` |" not in page} == set()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_a_contract_can_be_read_and_checked(spec: ActionSpec) -> None:
    """Its schemas are ones that validation takes, and they describe every field."""
    for schema in (spec.input_schema, spec.output_schema):
        assert list(schema_faults(schema)) == []
    assert (spec.kind is ActionKind.PURE) is (spec.id not in OUTSIDE)
    for schema in (spec.input_schema, spec.output_schema):
        for part in (schema, *schema.get("$defs", {}).values()):
            for name, field in part.get("properties", {}).items():
                assert field.get("description") or spec.id == "http.request", name
