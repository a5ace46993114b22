"""The grammar as a JSON Schema, generated from the models, for editors."""

from __future__ import annotations

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.types.json import JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def definition_schema() -> JsonObject:
    """A JSON Schema 2020-12 of definition documents.

    A document that validation finds no fault of structure in fits it. It says nothing of
    expressions, actions and step ids, which only validation knows.
    """
    return {
        "$schema": DIALECT,
        **Definition.model_json_schema(by_alias=True),
        "title": "Alga Workflows definition",
    }
