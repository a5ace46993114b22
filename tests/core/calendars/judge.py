"""A slow judge of business calendars: it looks at the clock on the wall minute by minute.

It knows hours, holidays and exceptions as JSON only, and shares no code with what it judges.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Judge:
    """When a calendar is open between two dates, by going through every minute of real time.

    A wall time that was reached stays so, also when the clocks are put back behind it: in an hour
    that comes again, things are as they were at its end.
    """

    def __init__(self, document: dict[str, Any], first: date, days: int) -> None:
        self._document = document
        zone = ZoneInfo(document["zone"])
        self.start = datetime(first.year, first.month, first.day, tzinfo=UTC) - 2 * DAY
        open_minutes = self._wall_minutes(first - 4 * DAY, days + 8)
        self.open: list[bool] = []
        reached = datetime.min  # noqa: DTZ901 - a wall time
        for number in range((days + 4) * 24 * 60):
            wall = (self.start + number * MINUTE).astimezone(zone).replace(tzinfo=None)
            reached = max(reached, wall)
            self.open.append(reached in open_minutes)

    def _wall_minutes(self, first: date, days: int) -> set[datetime]:
        spans: list[tuple[datetime, datetime]] = []
        for number in range(days):
            day = first + number * DAY
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall time
            for text in self._hours(day):
                opens, closes = (_after(midnight, part) for part in text.split("-"))
                spans.append((opens, closes if closes > opens else closes + DAY))
        return {
            opens + number * MINUTE
            for opens, closes in spans
            for number in range((closes - opens) // MINUTE)
        }

    def _hours(self, day: date) -> list[str]:
        for exception in self._document.get("exceptions", []):
            if exception["date"] == day.isoformat():
                return exception["hours"]
        dates = {holiday["date"] for holiday in self._document.get("holidays", [])}
        if dates & {day.isoformat(), day.isoformat()[5:]}:
            return []
        return self._document.get("weekly", {}).get(NAMES[day.weekday()], [])

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Open time between two whole minutes."""
        return sum(self.open[self._index(start) : self._index(end)]) * MINUTE

    def open_at(self, moment: datetime) -> bool:
        """Whether the minute that begins at a moment is open."""
        return self.open[self._index(moment)]

    def add(self, start: datetime, minutes: int) -> datetime | None:
        """The first whole minute with so much open time behind it; None if that is too far."""
        at = self._index(start)
        while minutes:
            if at == len(self.open):
                return None
            minutes -= self.open[at]
            at += 1
        return self.start + at * MINUTE

    def _index(self, moment: datetime) -> int:
        index, rest = divmod(moment - self.start, MINUTE)
        assert not rest
        return index


def _after(midnight: datetime, text: str) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return midnight + timedelta(hours=hours, minutes=minutes)
