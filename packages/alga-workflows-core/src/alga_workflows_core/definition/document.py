"""The definition document, and the walk over its steps that everything else shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from alga_workflows_core.definition.model import Line, Model
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.steps import IfStep, Step
from alga_workflows_core.types.json import Json, JsonObject

ENGINE = 1
"""The number of the interpreter's behaviour, pinned in each version and run."""

MAX_DOCUMENT_BYTES = 512 * 1024

DEFINITION_ID = r"^[a-z0-9][a-z0-9._-]{0,127}$"
"""The pattern of a definition's id."""


class Definition(Model):
    """A business process that people wrote down."""

    id: Annotated[
        str,
        Field(
            pattern=DEFINITION_ID,
            description="Names the definition in the API; it never changes.",
        ),
    ]
    name: Annotated[
        Line, Field(min_length=1, max_length=200, description="What people call it, on one line.")
    ]
    description: Annotated[str | None, Field(max_length=10_000, description="What it is for.")] = (
        None
    )
    payload_schema: Annotated[
        JsonObject | None,
        Field(description="JSON Schema 2020-12 that the payload of a run has to meet."),
    ] = None
    steps: Annotated[
        list[Step], Field(min_length=1, description="What happens, one after the other.")
    ]


def parse_definition(document: Json) -> Definition:
    """The definition that `document` is. Pydantic's ValidationError if it is none.

    Nothing is converted (`"1"` is no number), and fields have their names in camelCase only.
    """
    return Definition.model_validate(document, strict=True, by_alias=True, by_name=False)


def walk(steps: Sequence[Step], parent: str = "/steps") -> Iterator[tuple[str, Step]]:
    """Every step of the tree in document order, with its JSON Pointer in the document."""
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        yield here, step
        if isinstance(step, IfStep):
            yield from walk(step.then, f"{here}/then")
            yield from walk(step.otherwise, f"{here}/else")
