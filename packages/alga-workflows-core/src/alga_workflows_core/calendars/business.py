"""Business calendars: when it is open, and exact arithmetic with the time in which it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.wall import first_showing, midnight, shown_at

MOST_DAYS = 7305
"""How many days ahead is counted: twenty years."""

DAY_MINUTES = 24 * 60

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_FIRST_DAY = date(2, 1, 1)
_LAST_DAY = date(9998, 12, 1)


class OpenTimeError(ValueError):
    """There is not so much open time in `MOST_DAYS`, or what is counted is longer than that.

    Its message is a sentence without its full stop.
    """


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """From when to when it is open, in minutes on the wall clock since a day begins.

    `opens` is in that day; `closes` is behind it and may be in the next day, at most 24 hours
    later. ValueError otherwise.
    """

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < DAY_MINUTES or not 0 < self.closes - self.opens <= DAY_MINUTES:
            raise ValueError("hours begin in their day and take 24 hours at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """A day on which it does not open: of one year, or without `year` of every one."""

    month: int
    day: int
    year: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionalDay:
    """A date with hours of its own, perhaps none. Neither weekday nor holiday count then."""

    day: date
    hours: tuple[Hours, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When it is open. `weekly` are the hours of Monday to Sunday, each in order.

    Hours belong to the day on which they begin: a night that begins before a holiday lasts until
    its morning. Hours of several days that overlap count once. It is open from the moment of
    opening until right before that of closing. Both are wall times: one that comes twice is the
    first of the two, one that the clocks skip is the moment of the change. Between them real time
    is measured.

    Moments have an offset (ValueError otherwise), results are in UTC.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[Hours, ...], ...]
    holidays: tuple[Holiday, ...] = ()
    exceptions: tuple[ExceptionalDay, ...] = ()
    _exceptions: dict[date, ExceptionalDay] = field(init=False, repr=False, compare=False)
    _holidays: dict[tuple[int, int], list[Holiday]] = field(init=False, repr=False, compare=False)
    _week: tuple[Sequence[Hours], ...] = field(init=False, repr=False, compare=False)
    _week_open: timedelta = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.weekly) != 7:
            raise ValueError("a week has seven days")
        holidays: dict[tuple[int, int], list[Holiday]] = {}
        for each in self.holidays:
            holidays.setdefault((each.month, each.day), []).append(each)
        week = tuple(_joined(self.weekly[number - 1], self.weekly[number]) for number in range(7))
        minutes = sum(hours.closes - hours.opens for day in week for hours in day)
        derived = {
            "_exceptions": {each.day: each for each in self.exceptions},
            "_holidays": holidays,
            "_week": week,
            "_week_open": timedelta(minutes=minutes),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def holidays_on(self, day: date) -> list[Holiday]:
        """The holidays that a date is."""
        found = self._holidays.get((day.month, day.day), ())
        return [each for each in found if each.year is None or each.year == day.year]

    def exception_on(self, day: date) -> ExceptionalDay | None:
        """The exception for a date."""
        return self._exceptions.get(day)

    def hours_of(self, day: date) -> tuple[Hours, ...]:
        """The hours that begin on a date, in order."""
        exception = self._exceptions.get(day)
        if exception is not None:
            return exception.hours
        return () if self.holidays_on(day) else self.weekly[day.weekday()]

    def span(self, day: date, hours: Hours) -> tuple[datetime, datetime]:
        """When `hours` of a date begin and end. Both are the same if the clocks skip them."""
        begin = midnight(day)
        opens, closes = (
            first_showing(begin + timedelta(minutes=minutes), self.zone)
            for minutes in (hours.opens, hours.closes)
        )
        return opens, closes

    def openings(self, day: date) -> list[tuple[datetime, datetime]]:
        """When it is open from the beginning of a date until that of the next, in order and apart
        from each other. Both ends of one are the same if the clocks skip it."""
        before = day - _DAY
        plain = not self._is_special(before) and not self._is_special(day)
        pieces = (
            self._week[day.weekday()]
            if plain
            else _joined(self.hours_of(before), self.hours_of(day))
        )
        return [self.span(day, hours) for hours in pieces]

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open: from the moment of opening on, at that of closing no more."""
        found = _utc(moment)
        day = self._day_of(found)
        # Clocks that go back over midnight show a day again whose end has been.
        spans = (*self.openings(day), *self.openings(day + _DAY))
        return any(opens <= found < closes for opens, closes in spans)

    def next_open(self, moment: datetime) -> datetime:
        """The first moment from `moment` on at which it is open. OpenTimeError if there is none."""
        instant = timedelta.resolution
        return self.add(moment, instant) - instant

    def add(self, moment: datetime, open_time: timedelta) -> datetime:
        """The first moment from `moment` on when so much open time has passed since.

        If it has passed when it closes, that is the moment of closing, not the next opening;
        after none at all it is `moment`. OpenTimeError if there is not so much, ValueError if
        `open_time` is negative.

        `elapsed(moment, add(moment, open_time)) == open_time`. The other way round,
        `add(start, elapsed(start, end)) <= end`; both are equal if `end` is `start`, or if it is
        open right before `end`.
        """
        start = _utc(moment)
        if open_time < timedelta():
            raise ValueError("open time that is added is not negative")
        if not open_time:
            return start
        left = open_time
        first = day = self._day_of(start)
        last = last_counted(first)
        while day <= last:
            if left > self._week_open and day > first and self._is_plain_week(day):
                left -= self._week_open
                day += _WEEK
                continue
            for opens, closes in self.openings(day):
                begin = max(opens, start)
                if left <= closes - begin:
                    return begin + left
                left -= max(closes - begin, timedelta())
            day += _DAY
        raise OpenTimeError("the calendar has not so much open time in the next twenty years")

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """How much open time there is from `start` until right before `end`.

        ValueError if `end` is before `start`, OpenTimeError if it is more than twenty years later.
        """
        begin, until = _utc(start), _utc(end)
        if until < begin:
            raise ValueError("the end of a time is not before its start")
        found = timedelta()
        first = day = self._day_of(begin)
        last = last_counted(first)
        while day <= last:
            if first_showing(midnight(day), self.zone) >= until:
                return found
            if (
                day > first
                and first_showing(midnight(day + _WEEK), self.zone) <= until
                and self._is_plain_week(day)
            ):
                found += self._week_open
                day += _WEEK
                continue
            for opens, closes in self.openings(day):
                found += max(min(closes, until) - max(opens, begin), timedelta())
            day += _DAY
        raise OpenTimeError("open time is counted over twenty years at most")

    def _day_of(self, moment: datetime) -> date:
        return shown_at(moment, self.zone).date()

    def _is_special(self, day: date) -> bool:
        return day in self._exceptions or bool(self.holidays_on(day))

    def _is_plain_week(self, day: date) -> bool:
        """Whether seven days from `day` have the usual hours, and no clock is changed in them.

        No zone changes its clocks twice from one midnight to the next.
        """
        if any(self._is_special(day + timedelta(days=number)) for number in range(-1, 7)):
            return False
        begin = midnight(day).replace(tzinfo=self.zone)
        offset = begin.utcoffset()
        return all((begin + timedelta(days=number)).utcoffset() == offset for number in range(1, 8))


def _joined(before: Iterable[Hours], own: Iterable[Hours]) -> Sequence[Hours]:
    """What is open within a day, with what reaches into it from the day before."""
    pieces = [
        Hours(0, hours.closes - DAY_MINUTES) for hours in before if hours.closes > DAY_MINUTES
    ]
    pieces += [Hours(hours.opens, min(hours.closes, DAY_MINUTES)) for hours in own]
    joined: list[Hours] = []
    for piece in sorted(pieces):
        if joined and piece.opens <= joined[-1].closes:
            joined[-1] = Hours(joined[-1].opens, max(joined[-1].closes, piece.closes))
        else:
            joined.append(piece)
    return joined


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment has an offset")
    if not _FIRST_DAY.year <= moment.year <= _LAST_DAY.year:
        raise OpenTimeError("open time is counted in the years 2 to 9998 only")
    return moment.astimezone(UTC)


def last_counted(first: date) -> date:
    """The last day to which is counted from `first`; before it if that is at the end of time."""
    return min(first, _LAST_DAY - timedelta(days=MOST_DAYS)) + timedelta(days=MOST_DAYS)
