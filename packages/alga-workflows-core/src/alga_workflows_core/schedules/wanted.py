"""What Temporal should have of a schedule."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta

from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.times import (
    EPOCH,
    BoundedTimes,
    CronTimes,
    OneTime,
    RegularTimes,
    Times,
)
from alga_workflows_core.schedules.utc_calendars import moment_calendar, utc_calendars
from alga_workflows_core.temporal.schedules import FireTimes, WantedSchedule
from alga_workflows_core.types.canonical import content_hash

HORIZON_MONTHS = 13
"""How many months behind the present one Temporal knows the times of a cron expression."""

_DAY = timedelta(days=1)


def wanted_schedule(
    tenant: str, name: str, document: ScheduleDocument, *, paused: bool, now: datetime
) -> WantedSchedule:
    """The schedule as Temporal should have it in the month of `now`."""
    times = fire_times(document.times(), now)
    return WantedSchedule(
        tenant=tenant,
        name=name,
        times=times,
        catch_up=document.catch_up_time,
        jitter=document.jitter_time,
        paused=paused,
        mark=content_hash(
            {"times": _plain(times), "catchUp": document.catch_up, "jitter": document.jitter}
        ),
    )


def fire_times(times: Times, now: datetime) -> FireTimes:
    """The same moments as `times`; those of a cron expression until `HORIZON_MONTHS` from now."""
    match times:
        case BoundedTimes(times=inner, first=first, last=last):
            return _bounded(fire_times(inner, now), first, last)
        case CronTimes():
            # Whole months, so that what is wanted changes with the month only.
            begin = now.date().replace(day=1)
            end = _months_later(begin, HORIZON_MONTHS + 1)
            return FireTimes(calendars=utc_calendars(times, begin - _DAY, end - _DAY))
        case RegularTimes(every=every, anchor=anchor):
            return FireTimes(every=every, offset=(anchor - EPOCH) % every)
        case OneTime(at=at):
            return FireTimes(calendars=(moment_calendar(at),))
        case _:
            raise TypeError(f"{type(times).__name__} is no kind of times that Temporal is told")


def _bounded(inner: FireTimes, first: datetime | None, last: datetime | None) -> FireTimes:
    return FireTimes(
        calendars=inner.calendars, every=inner.every, offset=inner.offset, first=first, last=last
    )


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _plain(times: FireTimes) -> dict[str, object]:
    return {
        "calendars": [[list(part) for part in asdict(each).values()] for each in times.calendars],
        "every": None if times.every is None else int(times.every.total_seconds()),
        "offset": int(times.offset.total_seconds()),
        "first": None if times.first is None else times.first.isoformat(),
        "last": None if times.last is None else times.last.isoformat(),
    }
