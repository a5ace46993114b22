"""The grammar as a JSON Schema, generated from the models, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.values import EXPRESSION_SCHEMA
from alga_workflows_core.types.json import Json, JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_STEP = "Step"
_EXPRESSION = "Expression"

_EXAMPLES: Mapping[str, Json] = {
    "captureErrorAs": "vars.problem",
    "concurrency": 5,
    "description": "Urgent ones are looked at by a person.",
    "details": {"ticketId": {"$expr": "payload.ticketId"}},
    "duration": "PT8H",
    "durationMs": 900_000,
    "escalateTo": ["team-leads"],
    "id": "first-look",
    "maxDelayMs": 60_000,
    "message": {"$expr": "'No ticket ' & payload.ticketId"},
    "name": "First look",
    "output": {"$expr": "vars.answer"},
    "payloadSchema": {"type": "object", "required": ["ticketId"]},
    "payloadSchemaRef": "TICKET_CREATED",
    "quorum": 2,
    "resultSchema": {"type": "object", "required": ["total"]},
    "saveAs": "vars.answer",
    "timeoutMs": 60_000,
    "value": "high",
    "version": 1,
    "workflowVersion": 1,
}
"""For fields, by name, that have none of their own."""


def definition_schema() -> JsonObject:
    """A JSON Schema 2020-12 of definition documents.

    A document that validation finds no fault of structure in fits it. It says nothing of
    expressions, actions and step ids, which only validation knows.
    """
    schema = Definition.model_json_schema(by_alias=True, schema_generator=_Grammar)
    union = schema["properties"]["steps"]["items"]["oneOf"]
    tidy = cast("JsonObject", _tidied(schema))
    named = {_EXPRESSION: {"title": _EXPRESSION, **EXPRESSION_SCHEMA}, _STEP: {"oneOf": union}}
    return {
        "$schema": DIALECT,
        **tidy,
        "title": "Alga Workflows definition",
        "$defs": dict(sorted((tidy["$defs"] | named).items())),
    }


class _Grammar(GenerateJsonSchema):
    """What is optional may be left out, but is never null, unless its value may be anything."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        model = schema["cls"]
        if issubclass(model, Part):
            for name, field in model.model_fields.items():
                alias = field.alias or name
                _complete(made["properties"][alias], alias, field, alias in model.nullable)
        return made


def _complete(schema: JsonObject, alias: str, field: FieldInfo, is_nullable: bool) -> None:
    """Add to the schema of a field what Pydantic does not say of it."""
    schema.pop("title", None)  # it is the name once more
    if field.default_factory is not None:
        schema["default"] = cast("Any", field.default_factory)()
    if not field.is_required() and not is_nullable and not schema.keys() & _DECIDED:
        schema["not"] = {"type": "null"}
    if alias in _EXAMPLES and not schema.keys() & {"examples", "enum", "const", "$ref"}:
        schema["examples"] = [_EXAMPLES[alias]]


_DECIDED = frozenset({"$ref", "allOf", "anyOf", "const", "enum", "oneOf", "type"})


def _tidied(value: Json) -> Json:
    """The same with steps and expressions by reference, and without what is not JSON Schema."""
    if isinstance(value, list):
        return [_tidied(item) for item in cast("list[Json]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("JsonObject", value)
    if members == EXPRESSION_SCHEMA:
        return {"$ref": f"#/$defs/{_EXPRESSION}"}
    discriminator = cast("JsonObject", members.get("discriminator", {}))
    if discriminator.get("propertyName") == "type":
        return {"$ref": f"#/$defs/{_STEP}"}
    return {name: _tidied(member) for name, member in members.items() if name != "discriminator"}
