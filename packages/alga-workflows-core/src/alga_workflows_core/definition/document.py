"""The definition document, and the walk over its steps that everything else shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from alga_workflows_core.calendars.durations import LONGEST_MS
from alga_workflows_core.calendars.zones import is_zone
from alga_workflows_core.definition.events import EventName, Trigger
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.steps.base import Steps
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.values import DurationText, Value
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Line
from alga_workflows_core.types.pointers import pointer

ENGINE = 1
"""The number of the interpreter's behaviour, pinned in each version and run."""

MAX_DOCUMENT_BYTES = 512 * 1024


OnLimit: TypeAlias = Literal["queue", "reject", "cancelOldest"]
"""What happens to a run that would be one too many."""


class Concurrency(Part):
    """How many runs of the definition there may be at a time."""

    key: Annotated[
        Value,
        Field(
            description="Runs are counted for each value of it; absent: all together.",
            examples=[{"$expr": "payload.clientId"}],
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=10_000, description="How many at a time.", examples=[3])]
    on_limit: Annotated[
        OnLimit,
        Field(
            description="queue: later, in order. reject: not at all. "
            "cancelOldest: the oldest makes room.",
        ),
    ] = "queue"


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError(f"{quoted(name)} is no time zone; they are named as in Europe/Vienna")
    return name


class Definition(Part):
    """A business process that people wrote down."""

    id: Annotated[
        str,
        Field(
            pattern=DEFINITION_ID,
            description="Names the definition in the API; it never changes.",
            examples=["ticket-triage"],
        ),
    ]
    name: Annotated[
        Line,
        Field(
            min_length=1,
            max_length=200,
            description="What people call it, on one line.",
            examples=["Ticket triage"],
        ),
    ]
    description: Annotated[str | None, Field(max_length=10_000, description="What it is for.")] = (
        None
    )
    payload_schema: Annotated[
        JsonObject | None,
        Field(description="JSON Schema 2020-12 that the payload of a run has to meet."),
    ] = None
    payload_schema_ref: Annotated[
        EventName | None,
        Field(description="Instead of payloadSchema: the event type whose schema it is."),
    ] = None
    result_schema: Annotated[
        JsonObject | None,
        Field(description="JSON Schema 2020-12 that the result of a run has to meet."),
    ] = None
    timeout: Annotated[
        DurationText | None,
        Field(
            description="How long a run may last; it is cancelled then, with its clean-up.",
            examples=["P30D"],
        ),
    ] = None
    timeout_ms: Annotated[
        int | None,
        Field(ge=1, le=LONGEST_MS, description="The same in milliseconds; give one of the two."),
    ] = None
    zone: Annotated[
        str,
        AfterValidator(_zone),
        Field(
            description="Time zone in which days, months and times without an offset are counted.",
            examples=["Europe/Vienna"],
        ),
    ] = "UTC"
    concurrency: Annotated[
        Concurrency | None, Field(description="How many runs at a time; absent: any number.")
    ] = None
    trigger: Annotated[
        Trigger | None,
        Field(description="What starts runs by itself; absent: calls and schedules only."),
    ] = None
    steps: Annotated[Steps, Field(description="What happens, one after the other.")]

    @model_validator(mode="after")
    def _check(self) -> Definition:
        if self.timeout is not None and self.timeout_ms is not None:
            raise field_fault("timeoutMs", "Give either 'timeout' or 'timeoutMs'")
        if self.payload_schema is not None and self.payload_schema_ref is not None:
            sentence = "Give either 'payloadSchema' or 'payloadSchemaRef'"
            raise field_fault("payloadSchemaRef", sentence)
        return self

    def encoded_size(self) -> int:
        """Bytes of the document as JSON, without what it leaves out."""
        text = self.model_dump_json(by_alias=True, exclude_unset=True)
        return len(text.encode())


Definition.model_rebuild(_types_namespace={"Step": Step})


def parse_definition(document: Json) -> Definition:
    """The definition that `document` is. Pydantic's ValidationError if it is none.

    Nothing is converted (`"1"` is no number), and fields have their names in camelCase only.
    """
    return Definition.model_validate(document, strict=True, by_alias=True, by_name=False)


def definition_document(definition: Definition) -> JsonObject:
    """The document that `definition` was parsed from: what was absent there is absent here."""
    return definition.model_dump(mode="json", by_alias=True, exclude_unset=True)


def walk(steps: Sequence[Step], parent: str = "/steps") -> Iterator[tuple[str, Step]]:
    """Every step of the tree in document order, with its JSON Pointer in the document."""
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        yield here, step
        for block in step.blocks():
            yield from walk(block.steps, here + pointer(*block.place))
