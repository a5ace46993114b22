"""What the pages about the definition language say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.definition.document import Concurrency, Definition, parse_definition
from alga_workflows_core.definition.events import EventFilter, EventMatch, FilterOp, Trigger
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.policies import OnError, RetryPolicy, Undo
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.steps.union import STEP_MODELS
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import step_rows
from alga_workflows_core.types.states import RunStatus, StepStatus
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.validate import validate
from tests.acceptance.cases import told
from tests.core.simulation.pages import (
    DOCS,
    SECTIONS,
    Page,
    fields_of,
    names_in,
    page,
    raised,
    raised_by,
    source_text,
)

STEPS = sorted(STEP_MODELS)
STEP_PAGES = [f"steps/{name}.md" for name in STEPS]
INDEX, REFERENCE = "steps/README.md", "reference/definition.md"
WITH_EXAMPLE = [*STEP_PAGES, REFERENCE]
LONGEST_LINE = 110
PARTS: dict[str, type[Part]] = {
    "The document": Definition,
    "concurrency": Concurrency,
    "trigger": Trigger,
    "Filters": EventFilter,
    "retry": RetryPolicy,
    "onError": OnError,
    "compensate": Undo,
}
"""Sections of the reference, and the models whose fields they list."""


def outcome(simulation: Simulation, expected: dict[str, Any]) -> dict[str, Any]:
    """What `expected` speaks of, as the simulation has it."""
    rows = {row.path: row.output for row in step_rows(simulation.facts)}
    wanted = dict(expected)
    outputs = {path: rows[path] for path in wanted.pop("outputs", {})}
    found = told(simulation, wanted)
    return {**found, "outputs": outputs} if "outputs" in expected else found


def assert_fields(shown: Page, section: str, fields: dict[str, set[str]]) -> None:
    rows = {names_in(name)[0]: default for name, default, *_ in shown.table(section)}
    assert list(rows) == list(fields)
    for name, said in fields.items():
        if len(said) == 1:
            assert {rows[name]} == said, name


def test_every_step_has_a_page_and_the_index_leads_there() -> None:
    """There are pages for all types of steps and for no other."""
    found = {path.stem for path in (DOCS / "steps").glob("*.md")} - {"README"}
    assert found == set(STEPS)
    listed = [names_in(row[0])[0] for row in page(INDEX).table("The steps")]
    assert sorted(listed) == STEPS


@pytest.mark.parametrize("name", [*STEP_PAGES, INDEX, REFERENCE])
def test_a_page_is_easy_to_read_anywhere(name: str) -> None:
    """Its lines are short; its links to these pages lead to headings that are there."""
    shown = page(name)
    assert [line for line in shown.text.splitlines() if len(line) > LONGEST_LINE] == []
    assert shown.text.endswith("\n")
    for target in re.findall(r"\]\(([^)]+)\)", shown.text):
        file, _, anchor = target.partition("#")
        path = (shown.path.parent / file).resolve() if file else shown.path
        if path.parent == DOCS / "steps" or path == DOCS / REFERENCE:
            assert not anchor or anchor in anchors_of(path), target
            assert path.exists(), target


def anchors_of(path: Path) -> set[str]:
    """What a link may have behind `#`."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("step", STEPS)
def test_a_page_has_its_sections(step: str) -> None:
    """Each page of a step has the same sections in the same order, and its type as its title."""
    shown = page(f"steps/{step}.md")
    assert tuple(shown.sections)[1:] == SECTIONS
    assert shown.text.startswith(f"# {step}\n")


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_an_example_comes_out_as_its_page_says(name: str) -> None:
    """The definition and the script of each page give what is shown, wherever the run settles."""
    document, script = page(name).blocks("yaml")
    (expected,) = page(name).blocks("json")
    definition = parse_definition(document)
    world = Script.model_validate(script)
    whole = Simulator().simulate(definition, world)
    assert outcome(whole, expected) == expected
    assert whole.unscripted == []
    for point in range(1, whole.safe_points + 1):
        settled = Simulator().simulate(
            definition, world, settles=lambda at, point=point: at == point
        )
        assert outcome(settled, expected) == expected, point


@pytest.mark.parametrize("step", STEPS)
def test_an_example_shows_its_step(step: str) -> None:
    """A row of the step is among the outputs, so that what the page says of them is tested."""
    document, script = page(f"steps/{step}.md").blocks("yaml")
    (expected,) = page(f"steps/{step}.md").blocks("json")
    definition = parse_definition(document)
    rows = step_rows(Simulator().simulate(definition, Script.model_validate(script)).facts)
    assert {row.path for row in rows if row.type == step} & set(expected["outputs"])


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_an_example_could_be_published(name: str) -> None:
    """Validation has nothing to say against it."""
    document, script = page(name).blocks("yaml")
    called = {each.get("action") for each in script.get("actions", [])} - {None}
    actions = {(action, 1): anything(action) for action in called}
    assert validate(document, Catalogue(actions=actions)).findings == []


def anything(action: str) -> ActionSpec:
    """An action that takes and gives whatever there is."""
    return ActionSpec(
        id=action,
        version=1,
        kind=ActionKind.IDEMPOTENT,
        queue="anywhere",
        description="For examples.",
        input_schema={"type": "object"},
        output_schema={},
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_page_lists_the_fields_of_its_step(step: str) -> None:
    """The same fields in the same order, each with its default or that it is required."""
    assert_fields(page(f"steps/{step}.md"), "Fields", fields_of(STEP_MODELS[step]))


@pytest.mark.parametrize("section", PARTS)
def test_the_reference_lists_the_fields_of_each_part(section: str) -> None:
    """What the document has around its steps, and what several steps have in common."""
    assert_fields(page(REFERENCE), section, fields_of(PARTS[section]))


def test_the_index_lists_what_every_step_and_every_script_has() -> None:
    """Common fields, and those of the script of a simulation."""
    common = {"type": {"required"}, **fields_of(StepBase, inherited=True)}
    rows = {names_in(row[0])[0]: {row[1]} for row in page(INDEX).table("What every step has")}
    assert rows == common
    script = [names_in(row[0])[0] for row in page(INDEX).table("How the examples are written")]
    assert script == [field.alias or name for name, field in Script.model_fields.items()]


def test_the_index_lists_categories_and_states() -> None:
    """All categories of errors, all states of runs and of steps."""
    shown = page(INDEX)
    assert [names_in(row[0])[0] for row in shown.table("Categories")] == list(Category)
    assert [names_in(row[0])[0] for row in shown.table("States of a run")] == list(RunStatus)
    assert [names_in(row[0])[0] for row in shown.table("Rows of steps")] == list(StepStatus)
    (error,) = shown.blocks("json")
    assert ErrorInfo.from_json(error).as_json() == error


def test_the_reference_lists_operators() -> None:
    """All operators of filters."""
    rows = page(REFERENCE).table("Operators")
    assert sorted(name for row in rows for name in names_in(row[0])) == sorted(get_args(FilterOp))


def test_a_wait_has_the_fields_of_a_match() -> None:
    """Entries of `any` and `all` have the fields that the table of the wait names as its own."""
    rows = [names_in(row[0])[0] for row in page("steps/event.wait.md").table("Fields")]
    assert {f"config.{name}" for name in fields_of(EventMatch)} <= set(rows)


@pytest.mark.parametrize("name", [*STEP_PAGES, INDEX])
def test_a_page_names_errors_that_exist(name: str) -> None:
    """Each code is in the source, with the category that is shown."""
    section = "Codes" if name == INDEX else "Errors"
    for first, category, *_ in page(name).table(section):
        (code,) = names_in(first)
        assert f'"{code}"' in source_text(), code
        assert category in {*Category}
        assert category in raised().get(code, {category}), code


@pytest.mark.parametrize("step", STEPS)
def test_a_page_names_all_errors_of_its_step(step: str) -> None:
    """Whatever the step's own module raises is in the table."""
    listed = {names_in(row[0])[0] for row in page(f"steps/{step}.md").table("Errors")}
    assert raised_by(step) <= listed
