"""Working time as people write it: `PT8H` of open time, `P2D` of working days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from alga_workflows_core.calendars.business import Calendar, OpenTimeError, last_counted
from alga_workflows_core.calendars.durations import Duration, parse_duration
from alga_workflows_core.calendars.wall import first_showing, midnight, shown_at

_DAY = timedelta(days=1)


def parse_working_time(text: str) -> Duration:
    """The duration `text`, which has `days` and exact time only.

    ValueError, whose message is a sentence without its full stop, if it is none, or if it has
    weeks, months or years: nobody knows whether a week of working days is five or seven of them.
    """
    duration = parse_duration(text)
    if any(unit in text.partition("T")[0] for unit in "YMW"):
        raise ValueError("working time has days, hours, minutes and seconds only")
    return duration


def working_time_after(calendar: Calendar, duration: Duration, moment: datetime) -> datetime:
    """The time, in UTC, when working time that begins at `moment` is over.

    Days first, see `days_after`; then exact time, which is open time, see `Calendar.add`.
    OpenTimeError if the calendar has not so much of it; ValueError for months.
    """
    if duration.months:
        raise ValueError("working time has days, hours, minutes and seconds only")
    begin = days_after(calendar, moment, duration.days) if duration.days else moment
    return calendar.add(begin, duration.exact)


def days_after(calendar: Calendar, moment: datetime, days: int) -> datetime:
    """The same wall time so many working days (1 or more) later.

    A working day is a date on which the calendar opens. Out of hours one begins with the next
    opening. In a night that began the day before, it is still that day: from Tuesday 02:00 in
    Monday's night it is one working day to 02:00 in Tuesday's night.
    If the calendar is closed at that wall time of the last day, it is its next opening on that
    day, and if there is none, the end of that day. OpenTimeError if there are not so many days.
    """
    start = calendar.next_open(moment)
    first = day = _working_day_of(calendar, start)
    passed = shown_at(start, calendar.zone) - midnight(first)
    last = last_counted(first)
    left = days
    while left:
        day += _DAY
        if day > last:
            raise OpenTimeError("the calendar has not so many working days in twenty years")
        left -= _is_working_day(calendar, day)
    return _within(calendar, day, passed)


def _working_day_of(calendar: Calendar, moment: datetime) -> date:
    """The day to which the hours belong that are under way."""
    today = shown_at(moment, calendar.zone).date()
    days = (today - _DAY, today, today + _DAY)
    spans = ((day, *calendar.span(day, hours)) for day in days for hours in calendar.hours_of(day))
    return next(day for day, opens, closes in spans if opens <= moment < closes)


def _is_working_day(calendar: Calendar, day: date) -> bool:
    spans = (calendar.span(day, hours) for hours in calendar.hours_of(day))
    return any(opens < closes for opens, closes in spans)


def _within(calendar: Calendar, day: date, passed: timedelta) -> datetime:
    """`passed` behind the midnight of a working day, moved into its hours."""
    wall = midnight(day) + passed
    for hours in calendar.hours_of(day):
        closes = midnight(day) + timedelta(minutes=hours.closes)
        if wall < closes:
            opens = midnight(day) + timedelta(minutes=hours.opens)
            return first_showing(max(wall, opens), calendar.zone)
    return max(calendar.span(day, hours)[1] for hours in calendar.hours_of(day))
