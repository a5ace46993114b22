"""Dates and times as inputs and outputs of actions: in ISO 8601, with a time zone beside them."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, NoReturn, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from alga_workflows_core.actions.builtin import date_patterns
from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.calendars.zones import is_zone
from alga_workflows_core.expressions.timestamps import iso
from alga_workflows_core.types.model import Model

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?[0-5]\d){1,2})?)?",
    re.ASCII,
)


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("it is no time zone; they are named as in Europe/Vienna")
    return name


Zone: TypeAlias = Annotated[
    str,
    Field(max_length=80, description="The time zone, as Europe/Vienna, of days and wall clocks."),
    AfterValidator(_zone),
]
"""The name of a time zone."""

When: TypeAlias = Annotated[
    str,
    Field(
        max_length=64,
        description="A date, or a time as in 2026-12-24T18:00:00+01:00; without an offset it is in"
        " `zone`. A date is its midnight.",
        examples=["2026-12-24", "2026-12-24T17:00:00Z"],
    ),
]
"""A date or a time in ISO 8601."""


class TimeOutput(Model):
    """A time in three forms, cut to milliseconds."""

    instant: Annotated[str, Field(description="In UTC, as in 2026-12-24T17:00:00.000Z.")]
    local: Annotated[str, Field(description="In `zone`, as in 2026-12-24T18:00:00.000+01:00.")]
    date: Annotated[str, Field(description="The date in `zone`, as in 2026-12-24.")]


@contextmanager
def within_years() -> Generator[None]:
    """ActionError DATE_RANGE for what happens outside the years that can be counted in."""
    try:
        yield
    except (OverflowError, ValueError) as error:
        raise refused(
            "DATE_RANGE",
            "The date is not between the years 1 and 9999.",
            "Use a date that is nearer.",
        ) from error


def moment_of(text: str, zone: str, field: str) -> datetime:
    """The moment, in UTC, that is written in ISO 8601 in the input's `field`.

    ActionError DATE_UNREADABLE or DATE_RANGE.
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        _unreadable(field)
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or "").ljust(6, "0")[:6])
    try:
        zoned = date_patterns.offset(found[8]) if found[8] else None
        wall = datetime(year, month, day, hour, minute, second, micros, tzinfo=zoned)
    except ValueError:
        _unreadable(field)
    return placed(wall, zone)


def placed(wall: datetime, zone: str) -> datetime:
    """What a clock in `zone` shows as a moment in UTC; an offset of its own counts more.

    ActionError DATE_RANGE outside the years 1 to 9999.
    """
    with within_years():
        zoned = wall if wall.tzinfo is not None else wall.replace(tzinfo=ZoneInfo(zone))
        return zoned.astimezone(UTC)


def _unreadable(field: str) -> NoReturn:
    raise refused(
        "DATE_UNREADABLE",
        f"`{field}` is no date that can be read.",
        "Write it as 2026-12-24 or 2026-12-24T18:00:00+01:00, or read it with date.parse.",
        field=field,
    ) from None


def told(moment: datetime, zone: str) -> TimeOutput:
    """A moment in its three forms. ActionError DATE_RANGE if the zone has no such year."""
    with within_years():
        local = moment.astimezone(ZoneInfo(zone))
    return TimeOutput(
        instant=iso(moment),
        local=local.isoformat(timespec="milliseconds"),
        date=local.date().isoformat(),
    )
