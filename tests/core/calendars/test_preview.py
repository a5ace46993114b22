"""Calendars day by day: what is open in each, and what is special about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.calendars.clock_changes import ClockChange, clock_changes
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.calendars.preview import (
    FIRST_DAY,
    LAST_DAY,
    NoteKind,
    notes_of,
    preview,
)
from alga_workflows_core.calendars.wall import first_showing, midnight
from tests.core.calendars.judge import NAMES
from tests.core.calendars.test_business import worlds

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def shown(document: dict[str, Any], first: str, days: int) -> list[list[str]]:
    """The openings of each day, as the clocks of the zone show them."""
    calendar = parse_calendar(document)
    return [
        [
            "-".join(f"{at.astimezone(calendar.zone):%H:%M}" for at in (each.opens, each.closes))
            for each in day.openings
        ]
        for day in preview(calendar, date.fromisoformat(first), days)
    ]


def notes(document: dict[str, Any], day: str) -> list[tuple[NoteKind, str]]:
    found = notes_of(parse_calendar(document), date.fromisoformat(day))
    return [(note.kind, note.message) for note in found]


def test_a_night_is_there_on_both_its_days() -> None:
    """Each day has what lies in it: until midnight, and from midnight on."""
    document = {"zone": "Europe/Vienna", "weekly": {"friday": ["08:00-12:00", "22:00-06:00"]}}
    assert shown(document, "2030-01-03", 4) == [
        [],
        ["08:00-12:00", "22:00-00:00"],
        ["00:00-06:00"],
        [],
    ]


def test_the_night_before_the_first_day_counts() -> None:
    """Also where nothing of the day before is asked for."""
    document = {"zone": "UTC", "weekly": {"friday": ["22:00-06:00"]}}
    assert shown(document, "2030-01-05", 1) == [["00:00-06:00"]]


def test_what_is_special_about_a_day_is_told() -> None:
    """Holidays and exceptions with their names, in sentences."""
    document: dict[str, Any] = {
        "zone": "Europe/Vienna",
        "weekly": {day: ["08:00-12:00"] for day in NAMES},
        "holidays": [
            {"date": "12-24", "name": "Christmas Eve"},
            {"date": "2030-12-24", "name": "Closed."},
            {"date": "12-25"},
            {"date": "2029-12-26"},
        ],
        "exceptions": [
            {"date": "2030-12-24", "hours": ["09:00-10:00"], "name": "Stock-taking"},
            {"date": "2030-12-27", "hours": []},
        ],
    }
    assert notes(document, "2030-12-24") == [
        (NoteKind.HOLIDAY, "Holiday: Christmas Eve."),
        (NoteKind.HOLIDAY, "Holiday: Closed."),
        (NoteKind.EXCEPTION, "Hours of its own: Stock-taking."),
    ]
    assert notes(document, "2030-12-25") == [(NoteKind.HOLIDAY, "Holiday.")]
    assert notes(document, "2030-12-26") == []
    assert notes(document, "2030-12-27") == [(NoteKind.EXCEPTION, "No hours on this date.")]
    assert shown(document, "2030-12-24", 4) == [["09:00-10:00"], [], ["08:00-12:00"], []]


@given(world=worlds())
@settings(deadline=None, max_examples=50)
def test_the_days_add_up_to_the_whole(world: tuple[dict[str, Any], date, int]) -> None:
    """Nothing is there twice or missing, and all that is listed is open."""
    document, first, count = world
    calendar = parse_calendar(document)
    days = preview(calendar, first, count)
    begin, end = (first_showing(midnight(first + n * DAY), calendar.zone) for n in (0, count))
    total = sum((day.open_time for day in days), timedelta())
    assert total == calendar.elapsed(begin, end)
    listed = [
        moment for day in days for each in day.openings for moment in (each.opens, each.closes)
    ]
    assert listed == sorted(listed)
    for day in days:
        for opening in day.openings:
            assert opening.opens < opening.closes
            assert calendar.open_at(opening.opens)
            assert calendar.open_at(opening.closes - timedelta.resolution)


def test_days_have_borders() -> None:
    """Far from the ends of time, so that no zone runs into them."""
    calendar = parse_calendar({"zone": "Pacific/Kiritimati", "weekly": {"monday": ["08:00-09:00"]}})
    assert len(preview(calendar, FIRST_DAY, 366)) == 366
    assert preview(calendar, LAST_DAY, 1)[0].day == LAST_DAY
    for first, days in ((FIRST_DAY - DAY, 1), (LAST_DAY, 2), (date.min, 1), (date.max, 1)):
        with pytest.raises(ValueError, match="a preview is of days from 1900-01-01 to 2999-12-31"):
            preview(calendar, first, days)


@given(
    zone=st.sampled_from(
        ["Europe/Vienna", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza"]
    ),
    start=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - made so below
    parts=st.lists(st.timedeltas(timedelta(), timedelta(days=200)), min_size=2, max_size=4),
)
@settings(deadline=None, max_examples=50)
def test_changes_of_a_time_are_those_of_its_parts(
    zone: str, start: datetime, parts: list[timedelta]
) -> None:
    """None is found twice or lost at a border, wherever that is."""
    begin = moment = start.replace(tzinfo=UTC)
    found: list[ClockChange] = []
    for part in parts:
        found += clock_changes(ZoneInfo(zone), moment, moment + part)
        moment += part
    assert found == clock_changes(ZoneInfo(zone), begin, moment)
    assert all(begin <= change.moment < moment for change in found)


def test_a_change_of_several_units_is_spoken() -> None:
    """By hours, minutes and seconds."""
    moment = datetime(2030, 1, 1, 12, tzinfo=UTC)
    before = datetime(2030, 1, 1, 12)  # noqa: DTZ001 - a wall time
    change = ClockChange(moment=moment, before=before, after=before - HOUR * 1.5 - HOUR / 3600)
    assert str(change) == "At 12:00 the clocks go back by 1 hour 30 minutes 1 second to 10:29:59."
