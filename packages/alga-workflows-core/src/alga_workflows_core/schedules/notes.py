"""What is special about an occurrence, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.wall import shown_at
from alga_workflows_core.schedules.times import CronTimes, offset_at

_DAY = timedelta(days=1)
_MOST_NAMED = 3


def clock_note(times: CronTimes, at: datetime, before: datetime | None) -> str | None:
    """What changes of clocks do to the occurrence `at`, or None.

    `before`: the occurrence in front of it, as far as it is known.
    """
    wall = shown_at(at, times.zone)
    skipped = list(_skipped(times, at))
    if skipped and not times.cron.every_hour:
        named = _listed([f"{each:%H:%M}" for each in skipped])
        verb = "does" if len(skipped) == 1 else "do"
        return f"{named} {verb} not exist on {skipped[0].date()}: runs at {wall:%H:%M}."
    second = wall.replace(tzinfo=times.zone, fold=1)
    if is_shown_twice(wall, times.zone):
        if not times.cron.every_hour:
            return f"{wall:%H:%M} occurs twice on {wall.date()}: runs the first time."
        which = "second" if offset_at(at, times.zone) == second.utcoffset() else "first"
        return f"{wall:%H:%M} occurs twice on {wall.date()}: this is the {which} time."
    if times.cron.every_hour and before is not None and at - before <= _DAY:
        return _passed_over(times, before, at)
    return None


def is_shown_twice(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of a zone show a wall time twice."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    # In a gap the offset of later is the larger one.
    return first is not None and second is not None and first > second


def _skipped(times: CronTimes, at: datetime) -> Iterator[datetime]:
    """The wall times that the clocks skip at the very moment `at`."""
    instant = timedelta.resolution
    begin = shown_at(at - instant, times.zone) + instant
    return _fitting(times, begin, shown_at(at, times.zone))


def _passed_over(times: CronTimes, before: datetime, at: datetime) -> str | None:
    """What the clocks have skipped between two occurrences."""
    ahead = offset_at(at, times.zone) - offset_at(before, times.zone)
    if ahead <= timedelta():
        return None
    begin = shown_at(before, times.zone) + timedelta(minutes=1)
    walls = _fitting(times, begin, shown_at(at, times.zone))
    named = [f"{wall:%H:%M}" for wall in walls]
    if not named:
        return None
    day = shown_at(at, times.zone).date()
    verb = "does" if len(named) == 1 else "do"
    return f"{_listed(named)} {verb} not exist on {day}: left out."


def _fitting(times: CronTimes, begin: datetime, end: datetime) -> Iterator[datetime]:
    wall = begin.replace(second=0, microsecond=0)
    if wall < begin:
        wall += timedelta(minutes=1)
    while wall < end and end - begin <= 2 * _DAY:
        fits = wall.hour in times.cron.hours and wall.minute in times.cron.minutes
        if fits and times.cron.fits(wall.date()):
            yield wall
        wall += timedelta(minutes=1)


def _listed(names: list[str]) -> str:
    shown = names[:_MOST_NAMED]
    if len(names) > _MOST_NAMED:
        return f"{', '.join(shown)} and {len(names) - _MOST_NAMED} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
