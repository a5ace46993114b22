"""What happens around a simulated run: how actions answer, and what comes when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from alga_workflows_core.calendars.durations import after, parse_duration
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.definition.events import EventName
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.policies import ErrorCode
from alga_workflows_core.definition.values import DurationText
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject


def moment(text: str, start: datetime, zone: str) -> datetime:
    """The time that a script means by `text`: a time, in `zone` without an offset, or a duration
    since `start`. ValueError if it is neither.
    """
    if text.startswith("P"):
        return after(parse_duration(text), start, zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


def _checked(text: str) -> str:
    moment(text, datetime(2030, 1, 1, tzinfo=UTC), "UTC")
    return text


Moment = Annotated[
    str,
    AfterValidator(_checked),
    Field(
        description="A time (2030-01-01T12:00:00Z) or a duration since the start (PT10M).",
        pattern=r"^(P|\d{4}-)",
        examples=["PT10M"],
    ),
]

StepPattern = Annotated[
    str,
    Field(
        description="A step's id or its path with loop indices: `charge`, `each[2]/charge`.",
        min_length=1,
    ),
]


CategoryName: TypeAlias = Literal[
    "Validation", "Expression", "Transient", "Action", "Timeout", "Child", "Limit", "Cancelled"
]


class ScriptedError(Part):
    """How an action or a child fails."""

    code: ErrorCode
    category: Annotated[
        CategoryName,
        Field(description="What kind of error it is."),
    ] = "Action"
    message: Annotated[str, Field(description="For people.")] = "It failed as the script says."
    retryable: Annotated[bool, Field(description="Whether the same may succeed later.")] = False
    details: Annotated[JsonObject | None, Field(description="For programs.")] = None


class ScriptedAction(Part):
    """How calls of an action go. The first entry that fits a call is used.

    Without `calls` it goes for every call that fits, else for so many of them, in order.
    """

    nullable = frozenset({"result"})

    action: Annotated[str | None, Field(description="The action's id; absent: any.")] = None
    step: Annotated[StepPattern | None, Field(description="The step; absent: any.")] = None
    calls: Annotated[int | None, Field(ge=1, description="For how many calls it goes.")] = None
    takes: Annotated[DurationText | None, Field(description="How long; absent: no time.")] = None
    result: Annotated[Json, Field(description="What it answers.")] = None
    error: Annotated[ScriptedError | None, Field(description="How it fails.")] = None
    unknown: Annotated[
        bool, Field(description="Whether it may have taken effect all the same.")
    ] = False
    never: Annotated[bool, Field(description="It never ends by itself.")] = False
    ignores_cancel: Annotated[bool, Field(description="It goes on when asked to stop.")] = False


class ScriptedEvent(Part):
    """An event that comes."""

    nullable = frozenset({"payload"})

    at: Moment
    name: EventName
    payload: Annotated[Json, Field(description="Its payload.")] = None
    correlation_key: Annotated[str | None, Field(description="Its key.")] = None
    id: Annotated[str | None, Field(description="Absent: a new one.")] = None
    source: Annotated[str, Field(description="Where it comes from.")] = "simulation"


class ScriptedAnswer(Part):
    """How people answer a task."""

    nullable = frozenset({"payload"})

    step: StepPattern
    after: Annotated[DurationText | None, Field(description="Since it was opened.")] = None
    payload: Annotated[Json, Field(description="The answer.")] = None
    by: Annotated[str, Field(description="Who answers.")] = "somebody"


class ScriptedChild(Part):
    """How a called definition ends. The first entry that fits a call is used, before documents.

    Without `calls` it goes for every call that fits, else for so many of them, in order.
    """

    nullable = frozenset({"result"})

    workflow: Annotated[str, Field(description="Its id.")]
    calls: Annotated[int | None, Field(ge=1, description="For how many calls it goes.")] = None
    takes: Annotated[DurationText | None, Field(description="How long.")] = None
    result: Annotated[Json, Field(description="What it gives.")] = None
    error: Annotated[ScriptedError | None, Field(description="How it fails.")] = None


_OF_STEPS = frozenset({"retry", "skip", "fail", "resolve", "dismiss"})


class ScriptedDeed(Part):
    """What an operator does to the run."""

    nullable = frozenset({"value"})

    at: Moment
    do: Annotated[
        Literal["cancel", "pause", "resume", "retry", "skip", "fail", "resolve", "dismiss"],
        Field(
            description="retry, skip and fail: of a parked step. resolve: ends a wait."
            " dismiss: ends a task without an answer."
        ),
    ]
    step: Annotated[StepPattern | None, Field(description="Which step it is about.")] = None
    value: Annotated[
        Json,
        Field(description="For skip the output, for resolve what came, for dismiss the reason."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> ScriptedDeed:
        if self.step is None and self.do in _OF_STEPS:
            raise field_fault("step", "The field 'step' is missing", missing=True)
        return self


def _calendar(value: JsonObject) -> JsonObject:
    parse_calendar(value)
    return value


CalendarName = Annotated[str, Field(pattern=DEFINITION_ID)]

ScriptedCalendar = Annotated[
    JsonObject,
    AfterValidator(_calendar),
    Field(
        examples=[{"zone": "Europe/Vienna", "weekly": {"monday": ["08:00-12:00", "13:00-17:00"]}}]
    ),
]
"""A calendar as `calendars.parsing` has it."""


class Script(Part):
    """A run's input and the world around it."""

    nullable = frozenset({"payload"})

    payload: Annotated[Json, Field(description="The run's payload.")] = None
    start: Annotated[datetime | None, Field(description="When the run begins.")] = None
    actions: list[ScriptedAction] = Field(
        default_factory=list[ScriptedAction], description="How actions answer."
    )
    events: list[ScriptedEvent] = Field(
        default_factory=list[ScriptedEvent], description="What comes."
    )
    tasks: list[ScriptedAnswer] = Field(
        default_factory=list[ScriptedAnswer], description="How people answer."
    )
    children: list[ScriptedChild] = Field(
        default_factory=list[ScriptedChild], description="How called ones end."
    )
    calendars: dict[CalendarName, ScriptedCalendar] = Field(
        default_factory=dict[str, JsonObject],
        description="Calendars by name; `default` is the tenant's own.",
    )
    operator: list[ScriptedDeed] = Field(
        default_factory=list[ScriptedDeed], description="What operators do."
    )
    until: Annotated[Moment | None, Field(description="When to look; absent: at the end.")] = None
