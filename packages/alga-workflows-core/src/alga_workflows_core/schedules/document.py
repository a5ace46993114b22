"""A schedule as people write it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from alga_workflows_core.calendars.durations import parse_duration
from alga_workflows_core.calendars.wall import first_showing
from alga_workflows_core.calendars.zones import is_zone
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.values import moment_fault
from alga_workflows_core.schedules.cron import LONGEST, parse_cron
from alga_workflows_core.schedules.times import (
    EPOCH,
    FIRST_YEAR,
    LAST_YEAR,
    BoundedTimes,
    CronTimes,
    OneTime,
    RegularTimes,
    Times,
    utc,
)
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import BY_KIND, Line

Overlap: TypeAlias = Literal["allow", "skip", "queue", "cancelOldest"]
"""What happens at an occurrence while a run of the schedule is open."""

LONGEST_EVERY = timedelta(days=366)
LONGEST_CATCH_UP = timedelta(days=366)
SHORTEST_CATCH_UP = timedelta(seconds=10)  # Temporal waits no shorter
LONGEST_JITTER = timedelta(days=1)


def exact(text: str) -> timedelta:
    """The duration `text`, a day being 24 hours; ValueError for months, years and what is none."""
    duration = parse_duration(text)
    if duration.months:
        raise ValueError("a month has no fixed length")
    return timedelta(days=duration.days) + duration.exact


def _cron(text: str) -> str:
    parse_cron(text)
    return text


def _every(text: str) -> str:
    duration = parse_duration(text)
    if duration.days or duration.months:
        raise ValueError(
            "An interval has hours, minutes and seconds; days on the wall clock are cron's, "
            "and 48 hours are PT48H"
        )
    if duration.exact % timedelta(seconds=1):
        raise ValueError("An interval has whole seconds")
    if not timedelta(seconds=1) <= duration.exact <= LONGEST_EVERY:
        raise ValueError("An interval is from one second to 366 days")
    return text


def _catch_up(text: str) -> str:
    if not SHORTEST_CATCH_UP <= exact(text) <= LONGEST_CATCH_UP:
        raise ValueError("It has to be from 10 seconds to 366 days")
    return text


def _jitter(text: str) -> str:
    if exact(text) > LONGEST_JITTER:
        raise ValueError("It has to be a day at most")
    return text


def _moment(text: str) -> str:
    fault = moment_fault(text)
    if fault is not None:
        raise ValueError("It has to be a time as in 2026-12-24T18:00:00+01:00")
    found = datetime.fromisoformat(text)
    if found.microsecond:
        raise ValueError("It has to be a whole second")
    if not FIRST_YEAR < found.year < LAST_YEAR:
        raise ValueError("It has to be in the years 1971 to 2998")
    return text


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError(f"{quoted(name)} is no time zone; they are named as in Europe/Vienna")
    return name


MomentText = Annotated[str, AfterValidator(_moment)]
"""A time on a whole second; without an offset it is in the schedule's zone."""


class CronTiming(Part):
    """At wall times."""

    kind: Annotated[Literal["cron"], Field(description="At wall times.")]
    cron: Annotated[
        str,
        AfterValidator(_cron),
        Field(
            max_length=LONGEST,
            description="Minute, hour, day of the month, month, weekday.",
            examples=["30 8 * * MON-FRI"],
        ),
    ]


class IntervalTiming(Part):
    """Every so often, in time as it passes."""

    kind: Annotated[Literal["interval"], Field(description="Every so often.")]
    every: Annotated[
        str, AfterValidator(_every), Field(description="How often.", examples=["PT15M"])
    ]
    anchor: Annotated[
        MomentText | None,
        Field(description="One of the times, from which all others count; absent: 1970 in UTC."),
    ] = None


class OnceTiming(Part):
    """At one time."""

    kind: Annotated[Literal["once"], Field(description="At one time.")]
    at: Annotated[MomentText, Field(description="When.", examples=["2026-12-24T18:00:00"])]


Timing: TypeAlias = Annotated[CronTiming | IntervalTiming | OnceTiming, BY_KIND]


class CalendarFilter(Part):
    """Which occurrences count, by a calendar of the tenant and in that calendar's zone."""

    calendar: Annotated[str, Field(pattern=DEFINITION_ID, description="Which calendar.")]
    only: Annotated[
        Literal["working", "nonWorking"],
        Field(description="The occurrences in working time, or the others."),
    ]
    by: Annotated[
        Literal["days", "hours"],
        Field(description="days: a date on which the calendar opens is working time as a whole."),
    ] = "days"


class ScheduleDocument(Part):
    """When runs of a definition are started, and with what."""

    nullable: ClassVar[frozenset[str]] = frozenset({"payload"})

    definition: Annotated[str, Field(pattern=DEFINITION_ID, description="What is run.")]
    version: Annotated[
        int | None,
        Field(ge=1, le=2**31 - 1, description="Which version; absent: the one active at the time."),
    ] = None
    name: Annotated[
        Line | None, Field(min_length=1, max_length=200, description="What people call it.")
    ] = None
    when: Annotated[Timing, Field(description="The times of its occurrences.")]
    zone: Annotated[str, AfterValidator(_zone), Field(description="Whose wall clock is read.")] = (
        "UTC"
    )
    starts_at: Annotated[MomentText | None, Field(description="No occurrence is earlier.")] = None
    ends_at: Annotated[MomentText | None, Field(description="No occurrence is later.")] = None
    overlap: Annotated[
        Overlap,
        Field(
            description="While a run of it is open: allow another one, skip the occurrence, "
            "queue its run, or cancel the open one for it."
        ),
    ] = "allow"
    catch_up: Annotated[
        str,
        AfterValidator(_catch_up),
        Field(description="How late an occurrence may still be begun."),
    ] = "PT1H"
    jitter: Annotated[
        str,
        AfterValidator(_jitter),
        Field(description="Each is put off by a random time, so long at most."),
    ] = "PT0S"
    calendar: Annotated[
        CalendarFilter | None, Field(description="Which occurrences count; absent: all.")
    ] = None
    payload: Annotated[Json, Field(description="The payload of its runs.")] = Field(
        default_factory=dict[str, Json]
    )

    @model_validator(mode="after")
    def _check(self) -> ScheduleDocument:
        first, last = self._bound(self.starts_at), self._bound(self.ends_at)
        if first is not None and last is not None and last < first:
            raise field_fault("endsAt", "It has to be later than 'startsAt'")
        if isinstance(self.when, IntervalTiming) and exact(self.when.every) <= self.jitter_time:
            raise field_fault("jitter", "It has to be shorter than the interval")
        return self

    @property
    def jitter_time(self) -> timedelta:
        """How much later than its time an occurrence may be begun on purpose."""
        return exact(self.jitter)

    @property
    def catch_up_time(self) -> timedelta:
        """How much later it may be begun besides."""
        return exact(self.catch_up)

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def times(self) -> Times:
        """When its occurrences are."""
        first, last = self._bound(self.starts_at), self._bound(self.ends_at)
        if first is None and last is None:
            return self._times()
        return BoundedTimes(times=self._times(), first=first, last=last)

    def _times(self) -> Times:
        match self.when:
            case CronTiming(cron=cron):
                return CronTimes(parse_cron(cron), self.zone_info)
            case IntervalTiming(every=every, anchor=anchor):
                return RegularTimes(exact(every), self._bound(anchor) or EPOCH)
            case OnceTiming(at=at):
                return OneTime(self._in_zone(at))

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """`startsAt` and `endsAt` as moments in UTC."""
        return self._bound(self.starts_at), self._bound(self.ends_at)

    def _bound(self, text: str | None) -> datetime | None:
        return None if text is None else self._in_zone(text)

    def _in_zone(self, text: str) -> datetime:
        found = datetime.fromisoformat(text)
        # The clocks' own rule: a time that comes twice is the first, one in a gap is its end.
        return utc(found) if found.tzinfo else first_showing(found, self.zone_info)
