"""When a schedule's occurrences are: exact moments, in UTC and on whole seconds.

What is counted on the wall clock is counted here and not by Temporal: its server misplaces wall
times in the hour that comes twice (docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.wall import first_showing, midnight, shown_at
from alga_workflows_core.schedules.cron import Cron

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR = 1970
LAST_YEAR = 2999
SEARCH_DAYS = 40 * 366
"""How far ahead an occurrence is looked for."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class Times(Protocol):
    """Moments in UTC, in order."""

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Those behind `moment`, forty years ahead at most where they are on the wall clock."""
        ...

    def includes(self, moment: datetime) -> bool:
        """Whether `moment` is one."""
        ...


@dataclass(frozen=True, slots=True)
class OneTime:
    """One moment."""

    at: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        if self.at > moment:
            yield self.at

    def includes(self, moment: datetime) -> bool:
        return moment == self.at


@dataclass(frozen=True, slots=True)
class RegularTimes:
    """`anchor` and everything that is a multiple of `every` before or behind it."""

    every: timedelta
    anchor: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        number = (moment - self.anchor) // self.every + 1
        while (at := self.anchor + number * self.every).year <= LAST_YEAR:
            yield at
            number += 1

    def includes(self, moment: datetime) -> bool:
        return not (moment - self.anchor) % self.every


@dataclass(frozen=True, slots=True)
class CronTimes:
    """The times of a cron expression on the wall clock of a zone.

    If the hour field is `*`, time is taken as it passes: hours that come twice count twice, and
    those that the clocks skip do not count. Otherwise each wall time counts once on its date: one
    that comes twice is the first of the two, one that the clocks skip is the moment of the change.
    """

    cron: Cron
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        first = shown_at(moment, self.zone).date() - _DAY
        for number in range(SEARCH_DAYS):
            day = first + number * _DAY
            if day.year > LAST_YEAR:
                return
            yield from (at for at in self.of(day) if at > moment)

    def includes(self, moment: datetime) -> bool:
        day = shown_at(moment, self.zone).date()
        return any(moment in self.of(day + number * _DAY) for number in (-1, 0, 1))

    def of(self, day: date) -> list[datetime]:
        """Those from the first showing of a date's midnight until right before the next one's."""
        if not any(self.cron.fits(day + number * _DAY) for number in (-1, 0, 1)):
            return []
        begin, end = (first_showing(midnight(each), self.zone) for each in (day, day + _DAY))
        if is_plain(begin, end, self.zone):
            if not self.cron.fits(day):
                return []
            return [begin + timedelta(hours=h, minutes=m) for h, m in self._clock()]
        if self.cron.every_hour:
            return list(self._passing(begin, end))
        walls = (
            midnight(near) + timedelta(hours=h, minutes=m)
            for near in (day - _DAY, day, day + _DAY)
            if self.cron.fits(near)
            for h, m in self._clock()
        )
        moments = {first_showing(wall, self.zone) for wall in walls}
        return sorted(at for at in moments if begin <= at < end)

    def _clock(self) -> Iterator[tuple[int, int]]:
        return ((h, m) for h in self.cron.hours for m in self.cron.minutes)

    def _passing(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        # Offsets of long ago have seconds, so that full minutes of the wall clock are none of UTC.
        wall = shown_at(begin, self.zone)
        at = begin + timedelta(seconds=-wall.second % 60)
        while at < end:
            wall = shown_at(at, self.zone)
            if wall.minute in self.cron.minutes and self.cron.fits(wall.date()):
                yield at
            at += _MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedTimes:
    """Those of `times` from `first` to `last`, both included; None: without an end there."""

    times: Times
    first: datetime | None
    last: datetime | None

    def after(self, moment: datetime) -> Iterator[datetime]:
        begin = moment
        if self.first is not None:
            begin = max(begin, self.first - timedelta.resolution)
        for at in self.times.after(begin):
            if self.last is not None and at > self.last:
                return
            yield at

    def includes(self, moment: datetime) -> bool:
        if self.first is not None and moment < self.first:
            return False
        if self.last is not None and moment > self.last:
            return False
        return self.times.includes(moment)


def is_plain(begin: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of a zone show every time of a day once between its two midnights, and
    were not changed at the first.

    No zone changes its clocks twice from one midnight to the next.
    """
    before = offset_at(begin - timedelta.resolution, zone)
    return end - begin == _DAY and before == offset_at(begin, zone) == offset_at(end, zone)


def offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far the clocks of a zone are ahead of UTC."""
    return shown_at(moment, zone) - moment.astimezone(UTC).replace(tzinfo=None)


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; ValueError if it is in no year that schedules know."""
    found = moment.astimezone(UTC)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"schedules know the years {FIRST_YEAR} to {LAST_YEAR} only")
    return found
