"""`time.wait`: wait for a time."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.calendars.durations import LONGEST_MS
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import DurationValue, MomentValue, WorkingTimeValue
from alga_workflows_core.types.identifiers import DEFINITION_ID


class WaitDuration(Part):
    """For so long. Calendar units are counted in the definition's zone."""

    mode: Annotated[Literal["duration"], Field(description="For so long.")]
    duration: Annotated[
        DurationValue, Field(description="How long.", examples=["P30D", "PT15M"])
    ] = None
    duration_ms: Annotated[
        int | None,
        Field(ge=1, le=LONGEST_MS, description="The same in milliseconds; give one of the two."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> WaitDuration:
        if self.duration is None and self.duration_ms is None:
            raise field_fault("duration", "The field 'duration' is missing", missing=True)
        if self.duration is not None and self.duration_ms is not None:
            raise field_fault("durationMs", "Give either 'duration' or 'durationMs'")
        return self


class WaitUntil(Part):
    """Until a time; one that has passed is no wait."""

    mode: Annotated[Literal["until"], Field(description="Until a time.")]
    until: Annotated[
        MomentValue,
        Field(
            description="The time; without an offset it is in the definition's zone.",
            examples=[{"$expr": "payload.dueAt"}],
        ),
    ]


class WaitBusinessTime(Part):
    """For so long, counting only the hours of a calendar."""

    mode: Annotated[Literal["businessTime"], Field(description="For so long in working hours.")]
    duration: Annotated[
        WorkingTimeValue, Field(description="How long the calendar's hours are counted.")
    ]
    calendar: Annotated[
        str | None,
        Field(
            pattern=DEFINITION_ID,
            description="Which calendar; absent: the tenant's own.",
            examples=["support-hours"],
        ),
    ] = None


WaitConfig: TypeAlias = Annotated[
    WaitDuration | WaitUntil | WaitBusinessTime, Field(discriminator="mode")
]


class TimeWaitStep(StepBase):
    """Wait for a time: minutes or months."""

    type: Annotated[Literal["time.wait"], Field(description="Wait for a time.")]
    config: Annotated[WaitConfig, Field(description="For how long, or until when.")]
