"""Cron expressions of five fields, as crontab(5) has them: minute, hour, day, month, weekday."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alga_workflows_core.types.faults import quoted

LONGEST = 200
"""Characters of an expression."""

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM = re.compile(
    r"(?:(?P<star>\*)|(?P<low>\w{1,3})(?:-(?P<high>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?"
)


class CronError(ValueError):
    """It is no cron expression; the message is a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What one of the five may hold; a name stands for its place behind `first`."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first: int = 0


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    # 7 is Sunday too, as the end of a range that begins on another day.
    _Field("weekday", 0, 7, _WEEKDAYS, 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The wall times of an expression. `weekdays` count from Monday, which is 0.

    Where day and weekday are both restricted, that is, neither begins with `*`, a date fits if one
    of the two does; otherwise both have to.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    every_hour: bool

    def fits(self, day: date) -> bool:
        """Whether it has times on a date."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def parse_cron(text: str) -> Cron:
    """The expression `text`; CronError also if no date ever fits, as on the 30th of February."""
    written = text.split()
    if len(text) > LONGEST or len(written) != len(_FIELDS):
        raise CronError(
            "A cron expression has five fields: minute, hour, day of the month, month, weekday"
        )
    minutes, hours, days, months, weekdays = (
        _values(field, value) for field, value in zip(_FIELDS, written, strict=True)
    )
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset((number - 1) % 7 for number in weekdays),
        either_day=not written[2].startswith("*") and not written[4].startswith("*"),
        every_hour=written[1] == "*",
    )
    if not cron.either_day and not any(min(days) <= _DAYS_OF[month - 1] for month in months):
        raise CronError("No month that it names has a day that it names")
    return cron


def _values(field: _Field, text: str) -> set[int]:
    return {number for item in text.split(",") for number in _item(field, item)}


def _item(field: _Field, text: str) -> Sequence[int]:
    """One part of a list: a number, a range or everything, perhaps in steps."""
    match = _ITEM.fullmatch(text)
    if match is None:
        raise _fault(field, text, f"is no {field.name}")
    low, high = field.low, field.high
    if not match["star"]:
        low = _number(field, match["low"], text)
        high = low if match["high"] is None else _number(field, match["high"], text, low)
    step = 1
    if match["step"] is not None:
        step = int(match["step"])
        if low == high:
            raise _fault(field, text, f"has a step but no range; write {low}-{field.high}/{step}")
        if not 1 <= step <= high - low:
            raise _fault(field, text, "has a step that leads out of its range")
    if low > high:
        raise _fault(field, text, "is a range that ends before it begins")
    if field.names is _WEEKDAYS and match["star"]:
        high = 6
    return range(low, high + 1, step)


def _number(field: _Field, text: str, item: str, low: int = 0) -> int:
    """What `text` stands for; `low`: where the range began whose end it is."""
    if text.upper() in field.names:
        number = field.names.index(text.upper()) + field.first
        return 7 if field.names is _WEEKDAYS and not number and low else number
    if not text.isascii() or not text.isdigit():
        raise _fault(field, item, f"is no {field.name}")
    number = int(text)
    if not field.low <= number <= field.high:
        raise _fault(field, item, f"is not within {field.low} and {field.high}")
    return number


def _fault(field: _Field, text: str, what: str) -> CronError:
    return CronError(f"The field for the {field.name} holds {quoted(text)}, which {what}")
