"""Working time as people write it: open time and working days."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alga_workflows_core.calendars.business import OpenTimeError
from alga_workflows_core.calendars.durations import Duration
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.calendars.working_days import (
    days_after,
    parse_working_time,
    working_time_after,
)
from tests.core.calendars.test_business import ALWAYS, NAMES, worlds
from tests.core.simulation.pages import DOCS

OFFICE: dict[str, Any] = {
    "zone": "Europe/Vienna",
    "weekly": {
        **{day: ["08:00-12:00", "13:00-17:00"] for day in NAMES[:4]},
        "friday": ["08:00-14:00"],
    },
    "holidays": [{"date": "2030-01-15"}],
}
NIGHTS: dict[str, Any] = {"zone": "UTC", "weekly": {day: ["22:00-06:00"] for day in NAMES[:5]}}


def after(document: dict[str, Any], text: str, moment: str) -> str:
    """The end of working time, on the wall of the calendar's zone, with its weekday."""
    calendar = parse_calendar(document)
    began = datetime.fromisoformat(moment).replace(tzinfo=calendar.zone)
    ends = working_time_after(calendar, parse_working_time(text), began)
    assert ends.utcoffset() == timedelta()
    return ends.astimezone(calendar.zone).strftime("%a %d %H:%M")


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("P2D", "2030-01-07T10:00", "Wed 09 10:00"),
        ("P1D", "2030-01-11T09:00", "Mon 14 09:00"),  # over a weekend
        ("P2D", "2030-01-11T09:00", "Wed 16 09:00"),  # and a holiday
        ("P1D", "2030-01-10T16:30", "Fri 11 14:00"),  # Friday has ended by then
        ("P1D", "2030-01-12T15:00", "Wed 16 08:00"),  # from a Saturday: as on Monday at 8
        ("P1D", "2030-01-07T19:00", "Wed 09 08:00"),  # from an evening: as on Tuesday at 8
        ("P1D", "2030-01-07T06:00", "Tue 08 08:00"),  # from early on: as at 8
        ("P1D", "2030-01-11T12:30", "Mon 14 13:00"),  # noon on Monday is not open
        ("P1D", "2030-01-07T17:00", "Wed 09 08:00"),  # at the moment of closing
        ("P1DT4H", "2030-01-10T15:00", "Mon 14 12:00"),  # Friday at 14, and four hours
        ("PT8H", "2030-01-10T15:00", "Fri 11 14:00"),
        ("PT8H", "2030-01-07T08:00", "Mon 07 17:00"),
        ("PT1M", "2030-01-07T12:30", "Mon 07 13:01"),
        ("P30D", "2030-03-01T09:00", "Fri 12 09:00"),
        ("P0DT1H", "2030-01-07T09:00", "Mon 07 10:00"),
    ],
)
def test_in_an_office(text: str, moment: str, end: str) -> None:
    """Days keep the wall time within the hours of the last one; then open time is counted."""
    assert after(OFFICE, text, moment) == end


def test_the_table_in_the_page() -> None:
    """What `docs/steps/time.wait.md` says about an office."""
    office = {
        "zone": "Europe/Vienna",
        "weekly": {**{day: ["08:00-17:00"] for day in NAMES[:4]}, "friday": ["08:00-12:00"]},
    }
    text = (DOCS / "steps" / "time.wait.md").read_text(encoding="utf-8")
    _, head, table = text.partition("| from | `PT4H` | `P1D` | `P2D` |\n|---|---|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert len(rows) == 3
    for row in rows:
        moment, *ends = (cell.strip() for cell in row.split("|")[1:-1])
        name, at = moment.split()
        start = f"2030-01-{7 + NAMES.index(name.lower()):02}T{at}"
        for duration, end in zip(re.findall(r"`(\w+)`", head), ends, strict=True):
            day, _, wall = after(office, duration, start).split()
            assert f"{day} {wall}" == f"{end[:3]} {end.split()[1]}", (moment, duration)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2030-01-08T02:00", "Wed 09 02:00"),  # of Monday's night
        ("2030-01-07T23:00", "Tue 08 23:00"),
        ("2030-01-12T05:00", "Tue 15 05:00"),  # of Friday's night
        ("2030-01-08T12:00", "Wed 09 22:00"),
    ],
)
def test_in_nights(moment: str, end: str) -> None:
    """A night belongs to the day on which it begins."""
    assert after(NIGHTS, "P1D", moment) == end


def test_at_the_moment_of_closing_a_day_goes_on_with_its_next_opening() -> None:
    """Noon on Tuesday is not open."""
    weekly = {"monday": ["08:00-17:00"], "tuesday": ["08:00-12:00", "13:00-17:00"]}
    assert after({"zone": "UTC", "weekly": weekly}, "P1D", "2030-01-07T12:00") == "Tue 08 13:00"


def test_where_it_never_closes_days_are_days() -> None:
    """The same wall time, also over a change of clocks."""
    always = {"zone": "Europe/Vienna", "weekly": ALWAYS}
    assert after(always, "P2D", "2030-03-30T11:00") == "Mon 01 11:00"
    # 02:30 is skipped on 31 March: the moment of the change, which is 03:00.
    assert after(always, "P1D", "2030-03-30T02:30") == "Sun 31 03:00"


def test_a_day_that_the_clocks_skip_is_no_working_day() -> None:
    """In Samoa there was no 30 December 2011."""
    always = {"zone": "Pacific/Apia", "weekly": ALWAYS}
    assert after(always, "P1D", "2011-12-29T11:00") == "Sat 31 11:00"


@pytest.mark.parametrize("text", ["P1W", "P1M", "P1Y", "P1Y2DT3H", "P1WT1M"])
def test_weeks_months_and_years_are_no_working_time(text: str) -> None:
    """A week may be five days or seven."""
    with pytest.raises(ValueError, match="working time has days, hours, minutes and seconds only"):
        parse_working_time(text)
    calendar = parse_calendar(OFFICE)
    with pytest.raises(ValueError, match="working time has days"):
        working_time_after(calendar, Duration(months=1), datetime(2030, 1, 7, tzinfo=UTC))


@pytest.mark.parametrize("text", ["PT90M", "P2DT1M", "PT1.5S", "P36600D"])
def test_days_and_exact_time_are_working_time(text: str) -> None:
    """Minutes are not months."""
    assert parse_working_time(text).months == 0


def test_what_is_no_duration_is_no_working_time() -> None:
    """With the sentence about durations."""
    with pytest.raises(ValueError, match="a duration is written as"):
        parse_working_time("two days")


def test_too_many_days_are_an_error() -> None:
    """There are not so many in twenty years, and none if it never opens."""
    moment = datetime(2030, 1, 7, tzinfo=UTC)
    for document, days in ((OFFICE, 6000), (OFFICE, 36_600), ({"zone": "UTC"}, 1)):
        with pytest.raises(OpenTimeError):
            days_after(parse_calendar(document), moment, days)
    with pytest.raises(OpenTimeError):
        days_after(parse_calendar(OFFICE), moment.replace(year=9998), 2000)


@given(world=worlds(), minutes=st.integers(0, 10 * 24 * 60), days=st.integers(1, 30))
@settings(deadline=None)
def test_days_end_in_open_time(
    world: tuple[dict[str, Any], date, int], minutes: int, days: int
) -> None:
    """Behind the moment, at most when it closes; one day more is later."""
    document, first, _ = world
    assume(any(document["weekly"].values()))
    calendar = parse_calendar(document)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    moment = begin + timedelta(minutes=minutes)
    end = days_after(calendar, moment, days)
    assert end > calendar.next_open(moment) >= moment
    assert calendar.open_at(end) or calendar.open_at(end - timedelta.resolution)
    assert days_after(calendar, moment, days + 1) > end
    assert days_after(calendar, calendar.next_open(moment), days) == end
