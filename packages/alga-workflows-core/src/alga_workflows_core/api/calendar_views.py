"""What the endpoints of calendars take and answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from alga_workflows_core.calendars.parsing import WEEKDAYS
from alga_workflows_core.calendars.preview import NoteKind, PreviewDay
from alga_workflows_core.storage.calendars import CalendarHead, CalendarRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
HoursOfDay = Annotated[
    Sequence[str],
    Field(description="From when to when.", examples=[["08:00-12:00", "22:00-06:00"]]),
]
Name = Annotated[str | None, Field(max_length=200, description="What people call it.")]


class HolidayDocument(Model):
    """A day without hours: a date, or month and day of every year."""

    date: Annotated[str, Field(examples=["12-25", "2030-04-22"])]
    name: Name = None


class ExceptionDocument(Model):
    """A date with hours of its own, perhaps none, whatever weekday or holiday it is."""

    date: Annotated[str, Field(examples=["2030-12-24"])]
    hours: HoursOfDay
    name: Name = None


class CalendarDocument(Model):
    """A calendar. Hours whose end is not behind their beginning end on the next day."""

    zone: Annotated[str, Field(examples=["Europe/Vienna"])]
    weekly: Annotated[
        dict[Weekday, HoursOfDay], Field(description="A weekday that is absent has no hours.")
    ] = Field(default_factory=dict)
    holidays: Sequence[HolidayDocument] = ()
    exceptions: Sequence[ExceptionDocument] = ()


class CalendarView(Model):
    """A calendar without its document, whose sha256 is `hash`."""

    name: str
    revision: int
    hash: str
    created_at: dt.datetime
    created_by: str
    updated_at: dt.datetime
    updated_by: str


class CalendarDocumentView(CalendarView):
    """A calendar with its document."""

    document: JsonObject


class OpeningView(Model):
    """From when to when it is open, with the offsets of the calendar's zone."""

    opens: dt.datetime
    closes: dt.datetime


class NoteView(Model):
    """What is special about a day, as a sentence."""

    kind: NoteKind
    message: str


class PreviewDayView(Model):
    """A date, when it is open in it, and how long that is in all, in milliseconds."""

    date: dt.date
    weekday: str
    openings: Sequence[OpeningView]
    open_ms: int
    notes: Sequence[NoteView]


class PreviewView(Model):
    """Some days of a calendar."""

    zone: str
    days: Sequence[PreviewDayView]


def calendar_view(head: CalendarHead) -> CalendarView:
    """How a calendar is listed."""
    return CalendarView(
        name=head.name,
        revision=head.revision,
        hash=head.hash,
        created_at=head.created_at,
        created_by=head.created_by,
        updated_at=head.updated_at,
        updated_by=head.updated_by,
    )


def document_view(row: CalendarRow) -> CalendarDocumentView:
    """How one calendar is shown."""
    return CalendarDocumentView(**calendar_view(row).model_dump(), document=row.parsed())


def day_view(day: PreviewDay, zone: ZoneInfo) -> PreviewDayView:
    """How a day of a preview is shown."""
    return PreviewDayView(
        date=day.day,
        weekday=WEEKDAYS[day.day.weekday()],
        openings=[
            OpeningView(opens=each.opens.astimezone(zone), closes=each.closes.astimezone(zone))
            for each in day.openings
        ],
        open_ms=day.open_time // dt.timedelta(milliseconds=1),
        notes=[NoteView(kind=note.kind, message=note.message) for note in day.notes],
    )
