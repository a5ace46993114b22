"""What definitions say of events: names, filters, and what a wait or a trigger looks for."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.values import Assignments, DurationValue, Value
from alga_workflows_core.types.identifiers import EVENT_NAME, EVENT_PATH

EventName = Annotated[
    str,
    Field(
        pattern=EVENT_NAME,
        description="The event's name (a CloudEvent's `type`).",
        examples=["TICKET_CREATED"],
    ),
]

EventPath = Annotated[
    str,
    Field(
        pattern=EVENT_PATH,
        description="Where in the event: `payload.priority`, `source`.",
        examples=["payload.priority"],
    ),
]


FilterOp: TypeAlias = Literal[
    "=",
    "!=",
    "in",
    "not_in",
    "exists",
    "not_exists",
    ">",
    ">=",
    "<",
    "<=",
    "contains",
    "starts_with",
    "ends_with",
]
"""How an event's value is compared. What is not there only meets `not_exists` and `!=`."""


WITHOUT_VALUE = frozenset({"exists", "not_exists"})


class EventFilter(Part):
    """One condition on an event; all conditions of a list have to be met."""

    nullable = frozenset({"value"})

    path: EventPath
    op: Annotated[FilterOp, Field(description="How it is compared.")]
    value: Annotated[
        Value, Field(description="With what; `in` and `not_in` take a list, `exists` none.")
    ] = None

    @model_validator(mode="after")
    def _check(self) -> EventFilter:
        given = "value" in self.model_fields_set
        if self.op in WITHOUT_VALUE and given:
            raise field_fault("value", f"`{self.op}` compares with nothing")
        if self.op not in WITHOUT_VALUE and not given:
            raise field_fault("value", "The field 'value' is missing", missing=True)
        return self


Filters = Annotated[
    list[EventFilter],
    Field(
        default_factory=list[EventFilter],
        max_length=50,
        description="Conditions that an event has to meet, all of them.",
        examples=[[{"path": "payload.priority", "op": "in", "value": ["high", "urgent"]}]],
    ),
]


class EventMatch(Part):
    """The events that a wait looks for, and what is set when one of them comes."""

    event_name: EventName
    correlation_key: Annotated[
        Value,
        Field(
            description="Only events with this key; absent: with any.",
            examples=[{"$expr": "payload.ticketId"}],
        ),
    ] = None
    filters: Filters
    lookback: Annotated[
        DurationValue | None,
        Field(
            description="How long before the run began an event may have come; absent: not at all.",
            examples=["PT10M"],
        ),
    ] = None
    assign: Annotated[
        Assignments | None,
        Field(description="What is set when the event comes; expressions see it as `event`."),
    ] = None


class Trigger(Part):
    """The events that start a run."""

    type: Annotated[Literal["event"], Field(description="`event`: an event starts a run.")]
    event_name: EventName
    filters: Filters
    payload_mapping: Annotated[
        dict[str, Value] | None,
        Field(
            description="Field of the payload to value; expressions see the event as `event`. "
            "Absent: the run's payload is the event's.",
            examples=[{"ticketId": {"$expr": "event.payload.id"}}],
        ),
    ] = None
