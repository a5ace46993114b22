"""Calendars as JSON.

    {
      "zone": "Europe/Vienna",
      "weekly": {"monday": ["08:00-12:00", "13:00-17:00"], "friday": ["22:00-06:00"]},
      "holidays": [{"date": "12-25", "name": "Christmas"}, {"date": "2030-04-22"}],
      "exceptions": [{"date": "2030-12-24", "hours": ["08:00-12:00"], "name": "Christmas Eve"}]
    }

Only `zone` is required. A weekday that is absent has no hours. Hours whose end is not behind their
beginning end on the next day; a whole day is `00:00-24:00`. A holiday is a date, or month and day
of every year. An exception replaces the hours of its date, whatever weekday or holiday it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from itertools import pairwise
from typing import TypeAlias, cast
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.business import (
    DAY_MINUTES,
    Calendar,
    ExceptionalDay,
    Holiday,
    Hours,
)
from alga_workflows_core.calendars.zones import is_zone
from alga_workflows_core.types.json import Json, JsonObject

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

MOST_HOURS = 24
"""How many hours a day has at most."""

MOST_DATES = 2000
"""How many holidays, and how many exceptions, a calendar has at most."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_DATE = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)", re.ASCII)


Place: TypeAlias = tuple[str | int, ...]


class CalendarError(ValueError):
    """This JSON is no calendar. `place`: the names and indices that lead to what is wrong.

    Its message is a sentence without its full stop and says where, too.
    """

    def __init__(self, place: Place, what: str) -> None:
        super().__init__(f"{_written(place)}: {what}")
        self.place = place
        self.what = what


def _written(place: Place) -> str:
    first, *others = place or ("a calendar",)
    return str(first) + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in others
    )


def parse_calendar(value: Json) -> Calendar:
    """The calendar that `value` describes; CalendarError if it is none."""
    members = _object(value, (), required={"zone"}, others=_MEMBERS)
    weekly = _object(members.get("weekly", {}), ("weekly",), required=set(), others={*WEEKDAYS})
    exceptions = tuple(_exceptions(members.get("exceptions", [])))
    if len({each.day for each in exceptions}) < len(exceptions):
        raise CalendarError(("exceptions",), "each date is there once at most")
    return Calendar(
        zone=_zone(members["zone"]),
        weekly=tuple(_hours(weekly.get(day, []), ("weekly", day)) for day in WEEKDAYS),
        holidays=tuple(_holidays(members.get("holidays", []))),
        exceptions=exceptions,
    )


_MEMBERS = frozenset({"weekly", "holidays", "exceptions"})


def _object(
    value: Json, place: Place, *, required: set[str], others: AbstractSet[str]
) -> JsonObject:
    members = cast("JsonObject", value) if isinstance(value, dict) else None
    if members is None:
        raise CalendarError(place, "it has to be an object")
    for name in sorted(required - members.keys()):
        raise CalendarError(place, f"the member '{name}' is missing")
    for name in members:
        if name not in required and name not in others:
            raise CalendarError(place, f"there is no member {name[:80]!r}")
    return members


def _list(value: Json, place: Place, most: int) -> Sequence[Json]:
    entries = cast("list[Json]", value) if isinstance(value, list) else None
    if entries is None:
        raise CalendarError(place, "it has to be a list")
    if len(entries) > most:
        raise CalendarError(place, f"it has {most} entries at most")
    return entries


def _zone(name: Json) -> ZoneInfo:
    if isinstance(name, str) and is_zone(name):
        return ZoneInfo(name)
    what = f"{name!r:.80} is no time zone; they are named as in Europe/Vienna"
    raise CalendarError(("zone",), what)


def _hours(value: Json, place: Place) -> tuple[Hours, ...]:
    entries = _list(value, place, MOST_HOURS)
    found = sorted(_interval(entry, (*place, index)) for index, entry in enumerate(entries))
    for former, latter in pairwise(found):
        if latter.opens < former.closes:
            raise CalendarError(place, "its hours overlap")
    return tuple(found)


def _interval(value: Json, place: Place) -> Hours:
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise CalendarError(place, "hours are written as in 08:00-17:00")
    opens = int(match[1]) * 60 + int(match[2])
    closes = DAY_MINUTES if match[3] is None else int(match[3]) * 60 + int(match[4])
    if closes == opens:
        raise CalendarError(place, "hours have a length; a whole day is 00:00-24:00")
    return Hours(opens, closes if closes > opens else closes + DAY_MINUTES)


def _holidays(value: Json) -> Iterator[Holiday]:
    for index, entry in enumerate(_list(value, ("holidays",), MOST_DATES)):
        place = ("holidays", index)
        members = _object(entry, place, required={"date"}, others={"name"})
        year, month, day = _year_month_day(members["date"], place)
        yield Holiday(year=year, month=month, day=day, name=_name(members, place))


def _exceptions(value: Json) -> Iterator[ExceptionalDay]:
    for index, entry in enumerate(_list(value, ("exceptions",), MOST_DATES)):
        place = ("exceptions", index)
        members = _object(entry, place, required={"date", "hours"}, others={"name"})
        year, month, day = _year_month_day(members["date"], place)
        if year is None:
            raise CalendarError(place, "its date has a year, as in 2030-12-24")
        yield ExceptionalDay(
            day=date(year, month, day),
            hours=_hours(members["hours"], (*place, "hours")),
            name=_name(members, place),
        )


def _year_month_day(value: Json, place: Place) -> tuple[int | None, int, int]:
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is not None:
            year = None if match[1] is None else int(match[1])
            # A leap year, for 29 February of every year that has one.
            found = date(2000 if year is None else year, int(match[2]), int(match[3]))
            return year, found.month, found.day
    except ValueError:
        pass
    raise CalendarError(place, f"{value!r:.80} is no date; it is written as in 2030-12-24 or 12-24")


def _name(members: JsonObject, place: Place) -> str | None:
    name = members.get("name")
    if name is None or (isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable()):
        return name
    raise CalendarError(place, "its name has to be one line of 200 characters at most")
