"""The schema for editors agrees with the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from alga_workflows_core.definition.json_schema import definition_schema

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
VALIDATOR = Draft202012Validator(definition_schema(), registry=Registry())

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
        for name, field in model["properties"].items()
        if not field.get("description")
    ]
    assert silent == []
