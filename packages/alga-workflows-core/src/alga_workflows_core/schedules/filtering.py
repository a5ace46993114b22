"""Which occurrences a calendar leaves out, and why."""

from __future__ import annotations

from datetime import date, datetime

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.wall import shown_at
from alga_workflows_core.schedules.document import CalendarFilter


def left_out(wanted: CalendarFilter, calendar: Calendar, at: datetime) -> str | None:
    """Why the occurrence `at` does not count, as a sentence; None if it does."""
    wall = shown_at(at, calendar.zone)
    day = wall.date()
    if wanted.by == "hours":
        works = calendar.open_at(at)
        closed = f"{wanted.calendar!r} is closed on {day} at {wall:%H:%M}{_why(calendar, day)}."
        opened = f"{wanted.calendar!r} is open on {day} at {wall:%H:%M}."
    else:
        works = _is_working_day(calendar, day)
        closed = f"{day} is no working day of {wanted.calendar!r}{_why(calendar, day)}."
        opened = f"{day} is a working day of {wanted.calendar!r}."
    if wanted.only == "working":
        return None if works else closed
    return opened if works else None


def _is_working_day(calendar: Calendar, day: date) -> bool:
    spans = (calendar.span(day, hours) for hours in calendar.hours_of(day))
    return any(opens < closes for opens, closes in spans)


def _why(calendar: Calendar, day: date) -> str:
    for exception in calendar.exceptions:
        if exception.day == day:
            return "" if exception.name is None else f" ({exception.name})"
    for holiday in calendar.holidays:
        same_day = (holiday.month, holiday.day) == (day.month, day.day)
        if same_day and holiday.year in (None, day.year):
            return " (holiday)" if holiday.name is None else f" (holiday: {holiday.name})"
    return ""
