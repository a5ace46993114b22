"""Times on the wall clock as calendars in UTC, which is what Temporal is given.

For each day of a span the wall times are turned into UTC here, and days with equal times share a
calendar. So Temporal reads no zone, and fires at the moments that the preview shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from alga_workflows_core.calendars.wall import first_showing, midnight
from alga_workflows_core.schedules.cron import Cron
from alga_workflows_core.schedules.times import CronTimes, is_plain, offset_at
from alga_workflows_core.temporal.schedules import UtcCalendar

_DAY = timedelta(days=1)
_DAY_MINUTES = 24 * 60
_ALL_DAYS = tuple(range(1, 32))

_Clock = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Hours, minutes and seconds: each hour with each minute with each second."""


def utc_calendars(times: CronTimes, first: date, last: date) -> tuple[UtcCalendar, ...]:
    """Calendars of exactly those moments of `times` that lie in the local dates given."""
    dates: defaultdict[_Clock, set[date]] = defaultdict(set)
    by_offset: dict[timedelta, list[tuple[int, _Clock]]] = {}
    day = first
    begin = first_showing(midnight(day), times.zone)
    while day <= last:
        end = first_showing(midnight(day + _DAY), times.zone)
        if not is_plain(begin, end, times.zone):
            for each, clock in _exactly(times.of(day)):
                dates[clock].add(each)
        elif times.cron.fits(day):
            offset = offset_at(begin, times.zone)
            if offset not in by_offset:
                by_offset[offset] = list(_shifted(times.cron, offset))
            for days, clock in by_offset[offset]:
                dates[clock].add(day + days * _DAY)
        day, begin = day + _DAY, end
    return tuple(sorted(_calendars(dates)))


def moment_calendar(at: datetime) -> UtcCalendar:
    """The calendar of one moment."""
    found = at.astimezone(UTC)
    return UtcCalendar(
        years=(found.year,),
        months=(found.month,),
        days=(found.day,),
        hours=(found.hour,),
        minutes=(found.minute,),
        seconds=(found.second,),
    )


def _shifted(cron: Cron, offset: timedelta) -> Iterator[tuple[int, _Clock]]:
    """The times of a date in UTC, as (days to go from that date, times)."""
    minutes, seconds = divmod(int(offset.total_seconds()), 60)
    if seconds:  # as zones had before they were told by the hour
        minutes += 1
    second = -int(offset.total_seconds()) % 60
    found: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for hour in cron.hours:
        for minute in cron.minutes:
            days, in_day = divmod(hour * 60 + minute - minutes, _DAY_MINUTES)
            found[days, in_day // 60].add(in_day % 60)
    for days in {days for days, _ in found}:
        hours = ((hour, minutes) for (shift, hour), minutes in found.items() if shift == days)
        for clock in _merged((hour, frozenset(minutes)) for hour, minutes in hours):
            yield days, (*clock, (second,))


def _exactly(moments: Iterable[datetime]) -> Iterator[tuple[date, _Clock]]:
    found: defaultdict[tuple[date, int, int], set[int]] = defaultdict(set)
    for at in moments:
        found[at.date(), at.second, at.hour].add(at.minute)
    for day, second in {(day, second) for day, second, _ in found}:
        hours = (
            (hour, frozenset(minutes))
            for (each, its_second, hour), minutes in found.items()
            if (each, its_second) == (day, second)
        )
        for clock in _merged(hours):
            yield day, (*clock, (second,))


def _merged(
    hours: Iterable[tuple[int, frozenset[int]]],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Hours with equal minutes together, as (hours, minutes)."""
    found: defaultdict[frozenset[int], list[int]] = defaultdict(list)
    for hour, minutes in hours:
        found[minutes].append(hour)
    for minutes, same in found.items():
        yield tuple(sorted(same)), tuple(sorted(minutes))


def _calendars(dates: dict[_Clock, set[date]]) -> Iterator[UtcCalendar]:
    for (hours, minutes, seconds), days in dates.items():
        by_month: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for day in days:
            by_month[day.year, day.month].add(day.day)
        months: defaultdict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
        for (year, month), numbers in by_month.items():
            # A day that a month does not have is no day of it.
            whole = len(numbers) == _length(year, month)
            months[year, _ALL_DAYS if whole else tuple(sorted(numbers))].append(month)
        for (year, numbers), same in months.items():
            yield UtcCalendar(
                years=(year,),
                months=tuple(sorted(same)),
                days=numbers,
                hours=hours,
                minutes=minutes,
                seconds=seconds,
            )


def _length(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days
