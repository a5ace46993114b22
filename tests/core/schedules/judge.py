"""Cron expressions judged minute by minute, with another reading of them than the one tested."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MINUTE = timedelta(minutes=1)


def judged(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """The occurrences from `start` until right before `end`, both in UTC."""
    minutes = _minutes(start - timedelta(days=2), end + timedelta(days=2), zone)
    if expression.split()[1] == "*":
        found = {at for at, wall in minutes if fits(expression, wall)}
    else:
        found = set[datetime]()
        latest = minutes[0][1]
        for at, wall in minutes:
            # Every wall time up to now that was not reached before is reached at this minute.
            while latest < wall:
                latest += MINUTE
                if fits(expression, latest):
                    found.add(at)
    return sorted(at for at in found if start <= at < end)


def fits(expression: str, wall: datetime) -> bool:
    """Whether a wall time is one of the expression's."""
    minute, hour, day, month, weekday = expression.split()
    if not has(minute, wall.minute, 0, 59) or not has(hour, wall.hour, 0, 23):
        return False
    by_day = has(day, wall.day, 1, 31)
    by_weekday = has(weekday, wall.isoweekday() % 7, 0, 6) or has(weekday, wall.isoweekday(), 7, 7)
    restricted = not day.startswith("*") and not weekday.startswith("*")
    either = by_day or by_weekday if restricted else by_day and by_weekday
    return has(month, wall.month, 1, 12) and either


@lru_cache(maxsize=4096)
def has(field: str, number: int, low: int, high: int) -> bool:
    """Whether a field names a number; `low` and `high` are what `*` means."""
    for item in field.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            begin, end = low, high
        else:
            first, _, last = span.partition("-")
            begin, end = _number(first, 0), _number(last or first, _number(first, 0))
        if begin <= number <= end and (number - begin) % int(step or 1) == 0:
            return True
    return False


def _number(text: str, begun: int) -> int:
    if text in MONTHS:
        return MONTHS.index(text) + 1
    if text in WEEKDAYS:
        return 7 if text == "SUN" and begun else WEEKDAYS.index(text)
    return int(text)


@lru_cache(maxsize=4)
def _minutes(start: datetime, end: datetime, zone: str) -> list[tuple[datetime, datetime]]:
    """Each minute with what the clocks show at it."""
    clock = ZoneInfo(zone)
    count = (end - start) // MINUTE
    moments = (start.astimezone(UTC) + number * MINUTE for number in range(count))
    return [(at, at.astimezone(clock).replace(tzinfo=None)) for at in moments]
