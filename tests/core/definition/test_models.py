"""Every field of every model: what it takes and means, what it refuses and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from _pytest.mark import ParameterSet
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from referencing import Registry

from alga_workflows_core.definition.document import (
    Definition,
    definition_document,
    parse_definition,
)
from alga_workflows_core.definition.json_schema import definition_schema
from alga_workflows_core.definition.model import Part
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.findings import Code, Finding
from alga_workflows_core.validation.structure import read_definition
from alga_workflows_core.validation.validate import validate
from tests.core.definition import grammar
from tests.core.definition.rows import Example, Refused, Row, step
from tests.core.definition.rows_of_calls import CALLS
from tests.core.definition.rows_of_control import CONTROL
from tests.core.definition.rows_of_documents import DOCUMENTS
from tests.core.definition.rows_of_waits import WAITS
from tests.core.validation.documents import at, edited, parts

EXAMPLES: dict[str, Example] = {**DOCUMENTS, **CALLS, **CONTROL, **WAITS}
ROWS = [(name, field) for name, example in EXAMPLES.items() for field in example.rows]
SCHEMA = Draft202012Validator(definition_schema(), registry=Registry())
OF_VALIDATION = {Code.CONDITION_LITERAL, Code.EXPRESSION_MALFORMED, Code.SECRET_NOT_ALLOWED}
"""What the models leave to later checks, because an expression may stand there too."""
MAY_BE_NULL = {
    *("EventFilter.value", "ReturnStep.value", "ThrowStep.details"),
    *("ForEachStep.output", "Branch.output"),
    *("IfStep.condition", "WhileStep.condition", "Case.when"),
}
"""Fields that may hold any JSON; of a condition, a later check says that null is none."""
JARGON = re.compile(r"should|Input|Value error|\b(str|dict|tuple|int|bool|NoneType|tag)\b")
"""Words of the library that reads the documents, and of Python."""


def _row(name: str, field: str) -> tuple[Example, Row]:
    example = EXAMPLES[name]
    return example, example.rows[field]


def _made(example: Example, **fields: Any) -> dict[str, Any]:
    """The example's document with these fields in its part; `...` takes one away."""
    held = at(example.document, example.where)
    edits = [(f"{example.where}/{name}", value) for name, value in fields.items()]
    kept = [edit for edit in edits if edit[1] is not ... or edit[0].rsplit("/", 1)[1] in held]
    return edited(dict(example.document), *kept)


def _parsed(definition: Definition, where: str) -> Part:
    """The model at the JSON Pointer `where`."""
    here: Any = definition
    for name in parts(where):
        if isinstance(here, list):
            here = cast("list[Any]", here)[int(name)]
        else:
            here = _attribute(here, name)
    return here


def _attribute(model: BaseModel, alias: str) -> Any:
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    return getattr(model, names[alias])


def _plain(value: Any) -> Any:
    """A model's value as the document writes it."""
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, Part):
        return value.model_dump(by_alias=True, exclude_unset=True)
    return value


def _fits_schema(document: dict[str, Any]) -> bool:
    return SCHEMA.is_valid(document)  # pyright: ignore[reportUnknownMemberType] - untyped


def _errors(document: dict[str, Any]) -> list[Finding]:
    definition, findings = read_definition(document, at_most=10)
    assert (definition is None) == bool(findings)
    return findings


@pytest.mark.parametrize(("name", "field"), ROWS)
def test_a_field_takes_what_fits(name: str, field: str) -> None:
    """At each border; the model holds what was written, writes it again, and editors take it."""
    example, row = _row(name, field)
    for value in row.takes:
        document = _made(example, **row.beside, **{field: value})
        assert _errors(document) == [], value
        assert _fits_schema(document), value
        definition = parse_definition(document)
        assert _plain(_attribute(_parsed(definition, example.where), field)) == value
        assert definition_document(definition) == document


def _refusals() -> Iterator[ParameterSet]:
    for name, field in ROWS:
        for number, refused in enumerate(EXAMPLES[name].rows[field].refuses):
            yield pytest.param(name, field, refused, id=f"{name}-{field}-{number}")


@pytest.mark.parametrize(("name", "field", "refused"), list(_refusals()))
def test_a_field_refuses_what_does_not_fit(name: str, field: str, refused: Refused) -> None:
    """With one finding at its place, in words for people who do not know how it was found."""
    example, row = _row(name, field)
    document = _made(example, **{**row.beside, **refused.beside, field: refused.value})
    if refused.code in OF_VALIDATION:
        assert _errors(document) == []
        catalogue = Catalogue(actions={})
        found = [it for it in validate(document, catalogue).findings if it.code in OF_VALIDATION]
    else:
        found = _errors(document)
    blamed = f"{example.where}/{refused.at or field}{refused.below}"
    assert [(each.code, each.path) for each in found] == [(refused.code, blamed)]
    assert refused.says in found[0].message
    assert found[0].message.endswith(".")
    assert found[0].message[0].isupper() or found[0].message[0] in "`'$"
    assert len(found[0].message) < 300
    assert not JARGON.search(found[0].message.replace(str(refused.value), "")), found[0].message


@pytest.mark.parametrize(("name", "field"), ROWS)
def test_an_absent_field_is_its_default_or_is_missed(name: str, field: str) -> None:
    """A field that has to be there is missed at its own place."""
    example, row = _row(name, field)
    if row.default is not ...:
        assert field not in at(example.document, example.where)
        part = _parsed(parse_definition(dict(example.document)), example.where)
        assert _attribute(part, field) == row.default
        return
    found = _errors(_made(example, **{field: ...}))
    missed = row.missed or field
    blamed = f"{example.where}/{missed}"
    assert [(each.code, each.path) for each in found] == [(Code.FIELD_MISSING, blamed)]
    assert found[0].message == f"The field '{missed}' is missing."


@pytest.mark.parametrize(("name", "field"), ROWS)
def test_null_is_no_way_to_leave_a_field_out(name: str, field: str) -> None:
    """So that a document is written one way; null stands only where any JSON may."""
    example, row = _row(name, field)
    document = _made(example, **row.beside, **{field: None})
    found = _errors(document)
    if f"{name}.{field}" in MAY_BE_NULL:
        assert found == []
        assert definition_document(parse_definition(document)) == document
        return
    assert [each.path for each in found] == [f"{example.where}/{field}"]
    assert found[0].code in {Code.FIELD_INVALID, Code.STEP_TYPE_UNKNOWN}
    if row.default is not ...:
        assert found[0].message == "It has to be left out instead of null."


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_field_that_is_not_in_the_grammar_is_refused(name: str) -> None:
    """Also one of ours as Python writes it, and one that belongs to another part."""
    example = EXAMPLES[name]
    found = _errors(_made(example, madeUp=1))
    assert [(each.code, each.path) for each in found] == [
        (Code.FIELD_UNKNOWN, f"{example.where}/madeUp")
    ]
    assert found[0].message == "There is no field 'madeUp' here."
    for field in example.rows:
        snake = re.sub("([A-Z])", r"_\1", field).lower()
        if snake == field:
            continue
        unknown = _errors(_made(example, **{snake: 1}))
        assert [(each.code, each.path) for each in unknown] == [
            (Code.FIELD_UNKNOWN, f"{example.where}/{snake}")
        ]
        assert unknown[0].suggestion == f"Did you mean '{field}'?"


@pytest.mark.parametrize(
    ("config", "unknown"),
    [
        ({"any": [{"eventName": "A"}], "all": [{"eventName": "B"}]}, "all"),
        ({"any": [{"eventName": "A"}], "eventName": "A"}, "eventName"),
        ({"all": [{"eventName": "A"}], "correlationKey": "k"}, "correlationKey"),
    ],
)
def test_a_wait_is_of_one_kind(config: dict[str, Any], unknown: str) -> None:
    """For one event, for any of several, or for all of them: never a mixture."""
    found = _errors(step("event.wait", config=config))
    assert [(each.code, each.path) for each in found] == [
        (Code.FIELD_UNKNOWN, f"/steps/0/config/{unknown}")
    ]
    assert found[0].suggestion == (
        "A wait looks for one event, for `any` of several, or for `all` of them."
    )


def test_no_field_is_without_a_row() -> None:
    """Each has values that it takes and values that it refuses; a new field needs a row."""
    taken: set[str] = set()
    refused: set[str] = set()
    for name, example in EXAMPLES.items():
        model = type(_parsed(parse_definition(dict(example.document)), example.where))
        labels = {
            field.alias or key: grammar.label(model, key)
            for key, field in model.model_fields.items()
        }
        assert name.split()[0] in {each.__name__ for each in model.__mro__}
        taken.update(labels[field] for field, row in example.rows.items() if row.takes)
        refused.update(labels[field] for field, row in example.rows.items() if row.refuses)
    assert grammar.fields() - taken == set()
    assert grammar.fields() - refused == set()
