"""Pure actions on dates and times. None of them reads a clock: the time is an input."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from alga_workflows_core.actions.builtin import date_patterns
from alga_workflows_core.actions.builtin.moments import (
    TimeOutput,
    When,
    Zone,
    moment_of,
    placed,
    told,
    within_years,
)
from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.calendars.durations import Duration, after, parse_duration
from alga_workflows_core.calendars.wall import first_showing, midnight
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.expressions.timestamps import iso, milliseconds
from alga_workflows_core.types.model import Model


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _readable(pattern: str) -> str:
    date_patterns.check_readable(pattern)
    return pattern


def _writable(pattern: str) -> str:
    date_patterns.written(datetime(2000, 1, 1, tzinfo=UTC), pattern)
    return pattern


_PATTERN = (
    "Parts YYYY MM M DD D HH H hh h mm ss SSS A (AM, PM) Z (+01:00) MMMM MMM (English names){};"
    " other letters in [brackets]."
)


class ParseInput(Model):
    """A date in writing, and how it may be written."""

    text: Annotated[str, Field(max_length=200, description="The date or time.")]
    patterns: Annotated[
        list[Annotated[str, Field(max_length=100), AfterValidator(_readable)]],
        Field(
            max_length=20,
            description="How it may be written, tried in order; ISO 8601 if there is none. "
            + _PATTERN.format(""),
            examples=[["DD.MM.YYYY", "DD.MM.YYYY HH:mm"]],
        ),
    ] = []  # noqa: RUF012 - a default of a model, which Pydantic copies
    zone: Zone = "UTC"


@action("date.parse", version=1, kind=ActionKind.PURE)
async def parse(request: ParseInput) -> TimeOutput:
    """The time that a text says, in ISO 8601 or by patterns such as DD.MM.YYYY."""
    if not request.patterns:
        return told(moment_of(request.text, request.zone, "text"), request.zone)
    for pattern in request.patterns:
        wall = date_patterns.read(request.text.strip(), pattern)
        if wall is not None:
            return told(placed(wall, request.zone), request.zone)
    raise refused(
        "DATE_UNREADABLE",
        "`text` is no date that is written like any of `patterns`.",
        "Add the pattern that it is written in, as in DD.MM.YYYY.",
        field="text",
    )


class FormatInput(Model):
    """A time, and how to write it."""

    at: When
    pattern: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description=_PATTERN.format(", dddd ddd (English days)"),
            examples=["dddd, D MMMM YYYY [at] HH:mm"],
        ),
        AfterValidator(_writable),
    ]
    zone: Zone = "UTC"


class FormatOutput(Model):
    """A date in writing."""

    text: Annotated[str, Field(description="The time, as the clocks in `zone` show it.")]


@action("date.format", version=1, kind=ActionKind.PURE)
async def format_date(request: FormatInput) -> FormatOutput:
    """A time as text, in a time zone and by a pattern."""
    moment = moment_of(request.at, request.zone, "at")
    with within_years():
        wall = moment.astimezone(ZoneInfo(request.zone))
    return FormatOutput(text=date_patterns.written(wall, request.pattern))


class AddInput(Model):
    """A time, and how far to go from it."""

    at: When
    duration: Annotated[
        str,
        Field(
            max_length=100,
            description="How far, as in P30D, PT1H30M or P1M, a hundred years at most.",
        ),
        AfterValidator(_duration),
    ]
    direction: Annotated[
        Literal["forward", "back"], Field(description="Whether to go to a later or earlier time.")
    ] = "forward"
    zone: Zone = "UTC"


@action("date.add", version=1, kind=ActionKind.PURE)
async def add(request: AddInput) -> TimeOutput:
    """The time that lies a duration later or earlier, for somebody in a time zone.

    Months first, of which a shorter one has its last day, then days, both on the wall clock, so a
    day may have 23 or 25 hours; then hours, minutes and seconds as they pass.
    """
    moment = moment_of(request.at, request.zone, "at")
    length = parse_duration(request.duration)
    if request.direction == "back":
        length = Duration(months=-length.months, days=-length.days, exact=-length.exact)
    with within_years():
        found = after(length, moment, request.zone)
    return told(found, request.zone)


class DifferenceInput(Model):
    """Two times."""

    start: When
    end: When
    zone: Zone = "UTC"


class DifferenceOutput(Model):
    """How far apart; negative if the end is before the start."""

    milliseconds: Annotated[int, Field(description="Time as it passes.")]
    calendar_days: Annotated[
        int,
        Field(description="How many midnights of `zone` lie between: 1 from today to tomorrow."),
    ]
    calendar_months: Annotated[
        int, Field(description="Whole months, as date.add counts them from the earlier time.")
    ]


@action("date.difference", version=1, kind=ActionKind.PURE)
async def difference(request: DifferenceInput) -> DifferenceOutput:
    """How far one time is from another, in milliseconds and on the calendar of a time zone."""
    start = moment_of(request.start, request.zone, "start")
    end = moment_of(request.end, request.zone, "end")
    zone = ZoneInfo(request.zone)
    with within_years():
        days = (end.astimezone(zone).date() - start.astimezone(zone).date()).days
        earlier, later = min(start, end), max(start, end)
        months = _whole_months(earlier, later, request.zone)
    return DifferenceOutput(
        milliseconds=milliseconds(end) - milliseconds(start),
        calendar_days=days,
        calendar_months=months if start <= end else -months,
    )


def _whole_months(earlier: datetime, later: datetime, zone: str) -> int:
    first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (earlier, later))
    months = (last.year - first.year) * 12 + last.month - first.month
    while months > 0 and after(Duration(months=months), earlier, zone) > later:
        months -= 1
    return months


class PeriodInput(Model):
    """A time, and which period around it."""

    at: When
    unit: Annotated[
        Literal["day", "week", "month", "quarter", "year"], Field(description="Which period.")
    ]
    week_start: Annotated[
        Literal["monday", "sunday"], Field(description="The day with which weeks begin.")
    ] = "monday"
    zone: Zone = "UTC"


class PeriodOutput(Model):
    """The period, from its first moment to the first that is no longer in it."""

    start: Annotated[str, Field(description="Its first moment, in UTC.")]
    end: Annotated[str, Field(description="The first moment behind it, in UTC.")]
    first_date: Annotated[str, Field(description="Its first date, as in 2026-12-01.")]
    last_date: Annotated[str, Field(description="Its last date, as in 2026-12-31.")]


@action("date.period", version=1, kind=ActionKind.PURE)
async def period(request: PeriodInput) -> PeriodOutput:
    """The day, week, month, quarter or year of a time zone in which a time lies."""
    zone = ZoneInfo(request.zone)
    moment = moment_of(request.at, request.zone, "at")
    with within_years():
        first, following = _bounds(moment.astimezone(zone).date(), request)
        start, end = (first_showing(midnight(day), zone) for day in (first, following))
    return PeriodOutput(
        start=iso(start),
        end=iso(end),
        first_date=first.isoformat(),
        last_date=(following - timedelta(days=1)).isoformat(),
    )


def _bounds(day: date, request: PeriodInput) -> tuple[date, date]:
    """The first date of the period around `day`, and the first behind it."""
    if request.unit == "day":
        return day, day + timedelta(days=1)
    if request.unit == "week":
        passed = day.weekday() if request.week_start == "monday" else (day.weekday() + 1) % 7
        first = day - timedelta(days=passed)
        return first, first + timedelta(days=7)
    length = {"month": 1, "quarter": 3, "year": 12}[request.unit]
    month = (day.month - 1) // length * length
    first = day.replace(month=month + 1, day=1)
    years, month = divmod(month + length, 12)
    return first, date(first.year + years, month + 1, 1)


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [parse, format_date, add, difference, period]
