"""Generated definitions over the whole grammar: models, JSON, YAML and the schema agree on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from referencing import Registry

from alga_workflows_core.definition.document import (
    Definition,
    definition_document,
    parse_definition,
    walk,
)
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.definition.json_schema import definition_schema
from alga_workflows_core.definition.source import read
from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.strict_json import loads
from tests.core.definition.generated import Document, definitions

_VALIDATOR = Draft202012Validator(definition_schema(), registry=Registry())
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]


def quickly(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=_CALM
    )


def parts(model: BaseModel) -> Iterator[BaseModel]:
    """The model and all models inside of it."""
    yield model
    for name in type(model).model_fields:
        held = getattr(model, name)
        for each in cast("list[Any]", held) if isinstance(held, list) else [held]:
            if isinstance(each, BaseModel):
                yield from parts(each)


@pytest.fixture(scope="module")
def seen() -> set[tuple[type[BaseModel], str]]:
    """The fields that the generated definitions had."""
    return set()


def test_documents_come_back_as_they_were(seen: set[tuple[type[BaseModel], str]]) -> None:
    """JSON to models and back: 2,000 definitions keep their canonical form and their hash."""

    @given(definitions())
    @quickly(2000)
    def stable(document: Document) -> None:
        definition = parse_definition(document)
        written = definition_document(definition)
        assert canonical(written) == canonical(document)
        assert document_hash(written) == document_hash(document)
        assert definition_document(parse_definition(written)) == written
        for part in parts(definition):
            seen.update((type(part), name) for name in part.model_fields_set)

    stable()


def test_every_field_of_every_model_was_among_them(seen: set[tuple[type[BaseModel], str]]) -> None:
    """So that nothing of the grammar escapes these tests."""
    models = {model for model, _ in seen}
    assert Definition in models
    fields = {(model, name) for model in models for name in model.model_fields}
    assert fields - seen == set()
    titles = {model.__name__ for model in models} | {"Definition"}
    assert set(Definition.model_json_schema()["$defs"]) <= titles


class _Quoting(yaml.SafeDumper):
    """Writes text in quotes: without, PyYAML leaves them out where YAML 1.1 needs none."""


def _text(_dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')


_Quoting.add_representer(str, _text)


@given(definitions(), st.booleans())
@quickly(150)
def test_yaml_is_read_as_the_same_definition(document: Document, flow: bool) -> None:
    """In blocks and in flow; the order of members is kept."""
    text = yaml.dump(document, Dumper=_Quoting, sort_keys=False, default_flow_style=flow)
    source = read(text.encode(), name="made.yaml")
    assert document_hash(source.document) == document_hash(document)
    assert document_text(source.document) == document_text(
        cast("Document", loads(json.dumps(document)))
    )
    assert parse_definition(source.document) == parse_definition(document)


def shuffled(value: Any, chance: Random, *, ordered: bool = False) -> Any:
    """A copy with the members of objects in another order, but for those of `assign`."""
    if isinstance(value, list):
        return [shuffled(each, chance) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = list(cast("Document", value).items())
    if not ordered:
        chance.shuffle(members)
    return {name: shuffled(member, chance, ordered=name == "assign") for name, member in members}


@given(definitions(), st.integers())
@quickly(300)
def test_the_order_of_members_is_no_part_of_the_identity(document: Document, seed: int) -> None:
    """Written anyhow it is the same definition, unless assignments change their order."""
    again = shuffled(document, Random(seed))  # noqa: S311 - repeatable is the point
    assert document_hash(again) == document_hash(document)
    assert parse_definition(again) == parse_definition(document)


def raw_ids(steps: list[Any], parent: str = "/steps") -> Iterator[tuple[str, str]]:
    """Every step by the walk over raw documents."""
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        yield here, step["id"]
        for place, inner in raw_blocks(step):
            yield from raw_ids(inner, here + pointer(*place))


@given(definitions(), st.integers())
@quickly(200)
def test_both_walks_meet_the_same_steps(document: Document, seed: int) -> None:
    """That over models, in the order of the grammar, and that over what is written."""
    definition = parse_definition(document)
    walked = [(where, step.id) for where, step in walk(definition.steps)]
    assert list(raw_ids(definition_document(definition)["steps"])) == walked
    again = shuffled(document, Random(seed))  # noqa: S311 - repeatable is the point
    assert sorted(raw_ids(again["steps"])) == sorted(walked)


@given(definitions())
@quickly(100)
def test_the_schema_accepts_them(document: Document) -> None:
    """What the models take, editors do not mark."""
    _VALIDATOR.validate(document)  # pyright: ignore[reportUnknownMemberType] - untyped
