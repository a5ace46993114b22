"""Calendars as JSON."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from alga_workflows_core.calendars.business import Calendar, ExceptionalDay, Holiday, Hours
from alga_workflows_core.calendars.parsing import CalendarError, parse_calendar


def test_a_whole_calendar() -> None:
    """All that its JSON may say, in whatever order."""
    calendar = parse_calendar(
        {
            "zone": "Europe/Vienna",
            "weekly": {
                "monday": ["13:00-17:00", "08:00-12:00"],
                "friday": ["22:00-06:00"],
                "sunday": ["00:00-24:00"],
            },
            "holidays": [{"date": "02-29"}, {"date": "2030-04-22", "name": "Easter Monday"}],
            "exceptions": [{"date": "2030-12-24", "hours": ["18:00-00:00"], "name": "Eve"}],
        }
    )
    assert calendar.zone.key == "Europe/Vienna"
    assert calendar.weekly == (
        (Hours(480, 720), Hours(780, 1020)),
        *((),) * 3,
        (Hours(1320, 1800),),
        (),
        (Hours(0, 1440),),
    )
    assert calendar.holidays == (
        Holiday(month=2, day=29),
        Holiday(year=2030, month=4, day=22, name="Easter Monday"),
    )
    assert calendar.exceptions == (
        ExceptionalDay(day=date(2030, 12, 24), hours=(Hours(1080, 1440),), name="Eve"),
    )
    assert calendar.hours_of(date(2030, 4, 22)) == ()
    assert calendar.hours_of(date(2031, 4, 21)) == calendar.weekly[0]


def test_equal_calendars_are_equal_values() -> None:
    """They may be keys, and are compared by what they say."""
    one, same = (parse_calendar({"zone": "UTC", "weekly": {"monday": []}}) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != parse_calendar({"zone": "UTC", "weekly": {"monday": ["08:00-09:00"]}})


FAULTS: list[tuple[Any, str]] = [
    ([], "a calendar: it has to be an object"),
    ({"zone": None}, "zone: None is no time zone"),
    ({"zone": "Europe"}, "zone: 'Europe' is no time zone; they are named as in Europe/Vienna"),
    ({"zone": "Mars/Olympus"}, "zone: 'Mars/Olympus' is no time zone"),
    ({"zone": "../etc/passwd"}, "zone: '../etc/passwd' is no time zone"),
    ({"hours": {}}, "a calendar: there is no member 'hours'"),
    ({"weekly": []}, "weekly: it has to be an object"),
    ({"weekly": {"Monday": []}}, "weekly: there is no member 'Monday'"),
    ({"weekly": {"monday": "08:00-12:00"}}, "weekly.monday: it has to be a list"),
    (
        {"weekly": {"monday": ["08:00-12:00", "8-12"]}},
        "weekly.monday[1]: hours are written as in 08:00-17:00",
    ),
    ({"weekly": {"monday": ["24:00-08:00"]}}, "weekly.monday[0]: hours are written as in"),
    ({"weekly": {"monday": ["08:00-24:30"]}}, "weekly.monday[0]: hours are written as in"),
    ({"weekly": {"monday": [8]}}, "weekly.monday[0]: hours are written as in"),
    (
        {"weekly": {"monday": ["08:00-08:00"]}},
        "weekly.monday[0]: hours have a length; a whole day is 00:00-24:00",
    ),
    (
        {"weekly": {"monday": ["11:00-14:00", "08:00-12:00"]}},
        "weekly.monday: its hours overlap",
    ),
    (
        {"weekly": {"monday": ["20:00-02:00", "23:00-24:00"]}},
        "weekly.monday: its hours overlap",
    ),
    ({"weekly": {"monday": ["00:00-00:01"] * 25}}, "weekly.monday: it has 24 entries at most"),
    ({"holidays": {}}, "holidays: it has to be a list"),
    ({"holidays": ["12-25"]}, "holidays[0]: it has to be an object"),
    ({"holidays": [{"name": "Easter"}]}, "holidays[0]: the member 'date' is missing"),
    (
        {"holidays": [{"date": "02-30"}]},
        "holidays[0]: '02-30' is no date; it is written as in 2030-12-24 or 12-24",
    ),
    ({"holidays": [{"date": "2030-02-29"}]}, "holidays[0]: '2030-02-29' is no date"),
    ({"holidays": [{"date": 25}]}, "holidays[0]: 25 is no date"),
    ({"holidays": [{"date": "12-25", "hours": []}]}, "holidays[0]: there is no member 'hours'"),
    ({"holidays": [{"date": "12-25", "name": ""}]}, "holidays[0]: its name has to be one line"),
    (
        {"exceptions": [{"date": "12-24", "hours": []}]},
        "exceptions[0]: its date has a year, as in 2030-12-24",
    ),
    (
        {"exceptions": [{"date": "2030-12-24"}]},
        "exceptions[0]: the member 'hours' is missing",
    ),
    (
        {"exceptions": [{"date": "2030-12-24", "hours": ["x"]}]},
        "exceptions[0].hours[0]: hours are written as in 08:00-17:00",
    ),
    (
        {"exceptions": [{"date": "2030-12-24", "hours": []}] * 2},
        "exceptions: each date is there once at most",
    ),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_what_is_no_calendar_is_told_with_its_place(change: Any, message: str) -> None:
    """One sentence that says where and what, and the place as names and indices."""
    with pytest.raises(CalendarError) as caught:
        parse_calendar({"zone": "UTC", **change} if change else change)
    assert str(caught.value).startswith(message)
    written = re.sub(r"\[(\d+)\]", r".\1", message.partition(":")[0])
    place = ".".join(map(str, caught.value.place)) or "a calendar"
    assert written == place


def test_a_zone_is_required() -> None:
    """Wall times mean nothing without."""
    with pytest.raises(ValueError, match="a calendar: the member 'zone' is missing"):
        parse_calendar({})


@pytest.mark.parametrize(("opens", "closes"), [(-1, 5), (1440, 1500), (60, 60), (60, 1501)])
def test_hours_begin_in_their_day(opens: int, closes: int) -> None:
    """And take 24 hours at most."""
    with pytest.raises(ValueError, match="hours begin in their day"):
        Hours(opens, closes)


def test_a_week_has_seven_days() -> None:
    """Monday to Sunday."""
    calendar = parse_calendar({"zone": "UTC"})
    with pytest.raises(ValueError, match="seven days"):
        Calendar(zone=calendar.zone, weekly=())
