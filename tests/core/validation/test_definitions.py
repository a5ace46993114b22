"""The definitions of the table, taken together: they use the whole grammar, as people write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from alga_workflows_core.definition.document import definition_document, parse_definition
from alga_workflows_core.definition.model import Part
from tests.core.definition import grammar
from tests.core.validation.test_table import DEFINITIONS


def _parts(value: Any) -> Iterator[Part]:
    if isinstance(value, Part):
        yield value
        for name in type(value).model_fields:
            yield from _parts(getattr(value, name))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _parts(item)


def _used() -> Iterator[tuple[str, object]]:
    """`Model.field` and its value for each field that one of the documents writes."""
    for document in DEFINITIONS.values():
        for part in _parts(parse_definition(document)):
            for name in part.model_fields_set:
                yield grammar.label(type(part), name), getattr(part, name)


def test_every_field_is_used() -> None:
    """So each of them is seen by every check in a place where it is right."""
    assert grammar.fields() - {field for field, _ in _used()} == set()


def test_every_option_is_used() -> None:
    """Each policy, join, mode, operator, type of step."""
    written = {f"{field}={value}" for field, value in _used() if isinstance(value, str)}
    assert grammar.options() - written == set()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_file_has_the_name_of_its_definition(name: str) -> None:
    """And its content comes back as it was written."""
    assert DEFINITIONS[name]["id"] == name
    assert definition_document(parse_definition(DEFINITIONS[name])) == DEFINITIONS[name]
