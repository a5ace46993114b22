"""Changes of clocks in sixteen zones: hours that begin, end, lie or last over them.

What is expected stands in `daylight_saving.yaml`, which says how it follows from the facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.clock_changes import clock_changes
from alga_workflows_core.calendars.durations import Duration, after
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.calendars.preview import NoteKind, preview
from alga_workflows_core.calendars.wall import first_showing, shown_at
from alga_workflows_core.calendars.working_days import days_after
from alga_workflows_core.definition.source import read
from tests.core.calendars.judge import NAMES

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
DATA = Path(__file__).with_name("daylight_saving.yaml")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def offset(text: str) -> timedelta:
    found = datetime.fromisoformat(f"2000-01-01T00:00{text}").utcoffset()
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What a government decided."""

    zone: ZoneInfo
    moment: datetime
    before: timedelta
    after: timedelta
    told: tuple[date, str | None]

    @property
    def is_none(self) -> bool:
        return self.before == self.after

    @property
    def skips_a_day(self) -> bool:
        return self.after - self.before == DAY

    def first(self, wall: datetime) -> datetime:
        """By the rule in the data: nothing but two offsets and subtraction."""
        early = wall.replace(tzinfo=UTC) - self.before
        if early < self.moment:
            return early
        return max(self.moment, wall.replace(tzinfo=UTC) - self.after)

    def __str__(self) -> str:
        return f"{self.zone.key}-{self.moment.date()}"


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a date, in UTC."""

    change: Change
    day: date
    text: str
    opens: datetime
    closes: datetime
    length: timedelta

    def calendars(self) -> Iterator[Calendar]:
        """These hours and no others: as an exception, and every week on this weekday."""
        zone = self.change.zone.key
        exception = {"date": self.day.isoformat(), "hours": [self.text]}
        yield parse_calendar({"zone": zone, "exceptions": [exception]})
        yield parse_calendar({"zone": zone, "weekly": {NAMES[self.day.weekday()]: [self.text]}})

    def __str__(self) -> str:
        return f"{self.change}-{self.text}"


def _read() -> Iterator[tuple[Change, dict[str, Any]]]:
    entries = cast("list[dict[str, Any]]", read(DATA.read_bytes(), name=DATA.name).document)
    for entry in entries:
        day, sentence = entry["told"]
        before, behind = (offset(text) for text in entry["offsets"])
        told = (date.fromisoformat(day), sentence)
        yield Change(ZoneInfo(entry["zone"]), utc(entry["change"]), before, behind, told), entry


CORPUS = list(_read())
CHANGES = [change for change, _ in CORPUS]
WALLS = [
    (change, datetime.fromisoformat(wall), utc(first), utc(added))
    for change, entry in CORPUS
    for wall, first, added in entry["walls"]
]
HOURS = [
    Hours(change, date.fromisoformat(day), text, utc(opens), utc(closes), minutes * MINUTE)
    for change, entry in CORPUS
    for day, text, opens, closes, minutes in entry["hours"]
]


def test_the_corpus_is_wide() -> None:
    """Ten zones and more; clocks that go forward and back, by a day, an hour and other lengths."""
    assert len({change.zone.key for change in CHANGES}) >= 16
    shifts = {change.after - change.before for change in CHANGES}
    assert {DAY, 30 * MINUTE, 15 * MINUTE, -30 * MINUTE, -2 * 60 * MINUTE} <= shifts
    assert len(HOURS) > 200


@pytest.mark.parametrize("hours", HOURS, ids=str)
def test_the_corpus_follows_from_its_facts(hours: Hours) -> None:
    """A slip in the data is found without the code that the data is there to judge."""
    opens, closes = hours.text.split("-")
    begin = datetime.fromisoformat(f"{hours.day}T{opens}")
    if closes == "24:00":
        end = datetime.fromisoformat(f"{hours.day}T00:00") + DAY
    else:
        end = datetime.fromisoformat(f"{hours.day}T{closes}")
        end += timedelta(days=end <= begin)
    assert (hours.change.first(begin), hours.change.first(end)) == (hours.opens, hours.closes)
    assert hours.closes - hours.opens == hours.length


@pytest.mark.parametrize(("change", "wall", "first", "added"), WALLS)
def test_wall_times(change: Change, wall: datetime, first: datetime, added: datetime) -> None:
    """The first of two, and the moment of the change for one that is skipped; but a day after a
    wall time is read as if the clocks had not been changed."""
    assert change.first(wall) == first
    assert first_showing(wall, change.zone) == first
    if first != change.moment:
        assert shown_at(first, change.zone) == wall
    # From the day before the change, by the former offset.
    days = 2 if change.skips_a_day else 1
    former = (wall - days * DAY).replace(tzinfo=UTC) - change.before
    assert shown_at(former, change.zone) == wall - days * DAY
    assert after(Duration(days=days), former, change.zone.key) == added
    if not change.skips_a_day:
        always = {"zone": change.zone.key, "weekly": {day: ["00:00-24:00"] for day in NAMES}}
        assert days_after(parse_calendar(always), former, 1) == first


@pytest.mark.parametrize("hours", HOURS, ids=str)
def test_hours_open_and_close_at_their_moments(hours: Hours) -> None:
    """Not a second sooner or later; hours that are skipped whole never open."""
    early = hours.opens - 3 * DAY
    for calendar in hours.calendars():
        (only,) = calendar.hours_of(hours.day)
        assert calendar.span(hours.day, only) == (hours.opens, hours.closes)
        for moment, is_open in (
            (hours.opens - SECOND, False),
            (hours.opens, bool(hours.length)),
            (hours.closes - SECOND, bool(hours.length)),
            (hours.closes, False),
        ):
            assert calendar.open_at(moment) is is_open, moment
        if hours.length:
            assert calendar.next_open(early) == hours.opens
            assert calendar.next_open(hours.closes - SECOND) == hours.closes - SECOND


@pytest.mark.parametrize("hours", HOURS, ids=str)
def test_open_time_over_a_change_is_real_time(hours: Hours) -> None:
    """What lies before the change and what lies behind it add up, and `add` finds each moment."""
    early, late = hours.opens - 3 * DAY, hours.closes + 3 * DAY
    for calendar in hours.calendars():
        assert calendar.elapsed(early, late) == hours.length
        middle = min(max(hours.change.moment, hours.opens), hours.closes)
        assert calendar.elapsed(early, middle) == middle - hours.opens
        assert calendar.elapsed(middle, late) == hours.closes - middle
        for quarter in range(1, 5 if hours.length else 0):
            part = hours.length / 4 * quarter
            assert calendar.add(early, part) == hours.opens + part
            assert calendar.elapsed(early, hours.opens + part) == part


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_is_found_and_told(change: Change) -> None:
    """With its moment and what the clocks show before and after it, on the day it belongs to."""
    shown = change.moment.replace(tzinfo=None)
    found = clock_changes(change.zone, change.moment - 5 * DAY, change.moment + 5 * DAY)
    expected = [] if change.is_none else [(change.moment, change.before, change.after)]
    assert [(each.moment, each.before - shown, each.after - shown) for each in found] == expected
    assert clock_changes(change.zone, change.moment, change.moment + SECOND) == found
    assert clock_changes(change.zone, change.moment - DAY, change.moment) == []
    assert clock_changes(change.zone, change.moment + SECOND, change.moment + DAY) == []

    calendar = parse_calendar({"zone": change.zone.key})
    day, sentence = change.told
    told = {
        each.day: [note.message for note in each.notes if note.kind is NoteKind.CLOCKS]
        for each in preview(calendar, day - 4 * DAY, 9)
    }
    skipped = {day - DAY: ["The clocks skip this day."]} if change.skips_a_day else {}
    assert {each: notes for each, notes in told.items() if notes} == (
        {} if sentence is None else {**skipped, day: [sentence]}
    )
