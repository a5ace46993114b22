"""What a calendar means, day by day: when it is open, and what is special about the day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.clock_changes import clock_changes
from alga_workflows_core.calendars.wall import first_showing, midnight

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2999, 12, 31)

_DAY = timedelta(days=1)


class NoteKind(StrEnum):
    """Why a day is not like others of its weekday."""

    HOLIDAY = "holiday"
    EXCEPTION = "exception"
    CLOCKS = "clocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`message` is a sentence."""

    kind: NoteKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """From when to when it is open, in UTC."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewDay:
    """A date, when it is open in it, in order, and its notes."""

    day: date
    openings: tuple[Opening, ...]
    notes: tuple[Note, ...]

    @property
    def open_time(self) -> timedelta:
        """How long it is open in all."""
        return sum((each.closes - each.opens for each in self.openings), timedelta())


def preview(calendar: Calendar, first: date, days: int) -> tuple[PreviewDay, ...]:
    """So many days from `first` on. What is open over midnight is there on both days, as far as
    it lies in each. ValueError outside of `FIRST_DAY` to `LAST_DAY`."""
    if first < FIRST_DAY or (LAST_DAY - first).days < days - 1:
        raise ValueError(f"a preview is of days from {FIRST_DAY} to {LAST_DAY}")
    return tuple(_day(calendar, first + number * _DAY) for number in range(days))


def _day(calendar: Calendar, day: date) -> PreviewDay:
    openings = tuple(
        Opening(opens=opens, closes=closes)
        for opens, closes in calendar.openings(day)
        if opens < closes
    )
    return PreviewDay(day=day, openings=openings, notes=tuple(notes_of(calendar, day)))


def notes_of(calendar: Calendar, day: date) -> Iterator[Note]:
    """What is special about a date: holidays, exceptions, changes of clocks, in this order."""
    for holiday in calendar.holidays_on(day):
        yield Note(kind=NoteKind.HOLIDAY, message=_named("Holiday", holiday.name))
    exception = calendar.exception_on(day)
    if exception is not None:
        what = "Hours of its own" if exception.hours else "No hours on this date"
        yield Note(kind=NoteKind.EXCEPTION, message=_named(what, exception.name))
    begins, ends = (first_showing(midnight(each), calendar.zone) for each in (day, day + _DAY))
    if begins == ends:
        yield Note(kind=NoteKind.CLOCKS, message="The clocks skip this day.")
    for change in clock_changes(calendar.zone, begins, ends):
        yield Note(kind=NoteKind.CLOCKS, message=str(change))


def _named(what: str, name: str | None) -> str:
    return f"{what}." if name is None else f"{what}: {name.rstrip('.')}."
