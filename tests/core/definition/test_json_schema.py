"""The schema for editors agrees with the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.json_schema import definition_schema
from alga_workflows_core.definition.model import Part

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
VALIDATOR = Draft202012Validator(definition_schema(), registry=Registry())


def _models() -> Iterator[type[Part]]:
    """All models that a definition is made of."""
    waiting: list[Any] = [Definition]
    seen: set[Any] = set()
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Part) and kind not in seen:
            seen.add(kind)
            waiting.extend(field.annotation for field in kind.model_fields.values())
            yield kind


MODELS = {model.__name__: model for model in _models()}

STEP = {"id": "end", "type": "control.return"}
DOCUMENT: dict[str, Any] = {"id": "a", "name": "A", "steps": [STEP]}


def fits(document: Any) -> bool:
    return VALIDATOR.is_valid(document)  # pyright: ignore[reportUnknownMemberType] - untyped


def test_it_is_a_schema_itself() -> None:
    """Editors accept it."""
    Draft202012Validator.check_schema(definition_schema())


def test_the_samples_fit() -> None:
    """What runs is what editors accept."""
    samples = list(SAMPLES.glob("*.json"))
    assert samples
    for sample in samples:
        assert fits(json.loads(sample.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "document",
    [
        {**DOCUMENT, "nmae": "A"},
        {**DOCUMENT, "id": "No Spaces"},
        {**DOCUMENT, "steps": []},
        {**DOCUMENT, "steps": [{**STEP, "type": "control.retrun"}]},
        {**DOCUMENT, "steps": [{**STEP, "valeu": 1}]},
        {**DOCUMENT, "payload_schema": {}},
        {"name": "A", "steps": [STEP]},
    ],
)
def test_what_validation_refuses_does_not_fit(document: Any) -> None:
    """Unknown, missing and malformed fields are marked while people write."""
    assert fits(DOCUMENT)
    assert not fits(document)


def test_every_field_is_described() -> None:
    """Editors show what each field of the document and of every step means."""
    schema = definition_schema()
    silent = [
        f"{model['title']}.{name}"
        for model in (schema, *schema["$defs"].values())
        for name, field in model.get("properties", {}).items()
        if not field.get("description")
    ]
    assert silent == []


def subschemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema of every field."""
    schema = definition_schema()
    for name, model in [("Definition", schema), *schema["$defs"].items()]:
        for field, inner in model.get("properties", {}).items():
            yield f"{name}.{field}", inner


def within(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator for a part of the schema, which may refer to other parts."""
    whole = {"$defs": definition_schema()["$defs"], **schema}
    return Draft202012Validator(whole, registry=Registry())


def accepts(validator: Draft202012Validator, value: Any) -> bool:
    return validator.is_valid(value)  # pyright: ignore[reportUnknownMemberType] - untyped


def test_every_example_and_default_fits_its_field() -> None:
    """What editors offer can be taken."""
    offered = 0
    for name, schema in subschemas():
        validator = within(schema)
        values = [
            *schema.get("examples", []),
            *([schema["default"]] if "default" in schema else []),
        ]
        for value in values:
            assert accepts(validator, value), (name, value)
        offered += len(values)
    assert offered > 100


def test_every_field_says_what_may_stand_there() -> None:
    """With an example, if it is no choice, no yes or no, and nothing that is described itself."""
    silent = [
        name
        for name, schema in subschemas()
        if not schema.keys() & {"examples", "enum", "const", "$ref", "oneOf", "default"}
        and "#/$defs/" not in str(schema.get("items"))
        and name != "Expression.$expr"
    ]
    assert silent == []


def test_defaults_are_those_of_the_models() -> None:
    """Absent fields mean what the schema says, and null is no default but where it is one."""
    told = {name: schema["default"] for name, schema in subschemas() if "default" in schema}
    for name, model in MODELS.items():
        for field_name, field in model.model_fields.items():
            key = f"{name}.{field.alias or field_name}"
            default = field.get_default(call_default_factory=True, validated_data={})
            if field.is_required() or default is None:
                assert key not in told, key
            else:
                assert told.pop(key) == default, key
    assert told == {}


def test_null_stands_only_where_it_is_a_value() -> None:
    """What models refuse, editors mark: an optional field is left out instead."""
    taking = {name for name, schema in subschemas() if accepts(within(schema), None)}
    nullable = {f"{name}.{field}" for name, model in MODELS.items() for field in model.nullable}
    required = {
        f"{name}.{field.alias or field_name}"
        for name, model in MODELS.items()
        for field_name, field in model.model_fields.items()
        if field.is_required()
    }
    assert nullable <= taking
    assert taking - required == nullable


def test_it_is_plain_json_schema() -> None:
    """No keyword of other standards, and patterns that ECMAScript has."""
    text = json.dumps(definition_schema())
    assert '"discriminator"' not in text
    assert not re.search(r"\\\\[AZz]|\(\?[P#]|\+\+|\(\?<", text)


def test_expressions_may_stand_for_durations_names_and_texts() -> None:
    """And for nothing but a value."""
    config = {"mode": "duration", "duration": {"$expr": "payload.days"}}
    step = {"id": "pause", "type": "time.wait", "config": config}
    assert fits({**DOCUMENT, "steps": [step]})
    for wrong in ({"$expr": ""}, {"$expr": "a", "b": 1}, {}, 5, None, "5 days"):
        other = {**step, "config": {**config, "duration": wrong}}
        assert not fits({**DOCUMENT, "steps": [other]})
    assert not fits({**DOCUMENT, "timeout": {"$expr": "payload.days"}})
