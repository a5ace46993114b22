"""`date.*`: dates and times in time zones, without a clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.calendars.durations import Duration, after, parse_duration
from tests.core.actions.answers import answer, refusal

VIENNA = "Europe/Vienna"
ZONES = st.sampled_from(
    ["UTC", VIENNA, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001 - in UTC
    lambda wall: wall.replace(microsecond=0, tzinfo=UTC)
)
DURATIONS = st.builds(
    "P{}M{}DT{}H{}S".format,
    st.integers(0, 30),
    st.integers(0, 400),
    st.integers(0, 50),
    st.integers(0, 99),
)


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-12-24", "UTC", "2026-12-24T00:00:00.000Z"),
        ("2026-12-24", VIENNA, "2026-12-23T23:00:00.000Z"),
        ("2026-12-24T18:00", VIENNA, "2026-12-24T17:00:00.000Z"),
        (" 2026-12-24 18:00:30 ", VIENNA, "2026-12-24T17:00:30.000Z"),
        ("2026-12-24T18:00:00.1239999Z", VIENNA, "2026-12-24T18:00:00.123Z"),
        ("2026-12-24T18:00:00,5+01:00", "UTC", "2026-12-24T17:00:00.500Z"),
        ("2026-12-24T18:00:00-0530", "UTC", "2026-12-24T23:30:00.000Z"),
        ("2026-03-29T02:30", VIENNA, "2026-03-29T01:30:00.000Z"),
        ("2026-10-25T02:30", VIENNA, "2026-10-25T00:30:00.000Z"),
        ("0001-01-01", "UTC", "0001-01-01T00:00:00.000Z"),
    ],
)
async def test_iso_8601_is_read(text: str, zone: str, instant: str) -> None:
    """An offset counts; without one the zone does, as in waits."""
    assert (await answer("date.parse", text=text, zone=zone))["instant"] == instant


async def test_a_time_is_told_in_three_forms() -> None:
    """In UTC, in the zone, and as a date of the zone."""
    assert await answer("date.parse", text="2026-06-30T22:30:00Z", zone=VIENNA) == {
        "instant": "2026-06-30T22:30:00.000Z",
        "local": "2026-07-01T00:30:00.000+02:00",
        "date": "2026-07-01",
    }


@pytest.mark.parametrize(
    ("text", "pattern", "local"),
    [
        ("24.12.2026", "DD.MM.YYYY", "2026-12-24T00:00:00.000+01:00"),
        ("4.7.2026 9:05", "D.M.YYYY H:mm", "2026-07-04T09:05:00.000+02:00"),
        ("12/24/2026 12:30 AM", "MM/DD/YYYY hh:mm A", "2026-12-24T00:30:00.000+01:00"),
        ("12/24/2026 12:30 PM", "MM/DD/YYYY hh:mm A", "2026-12-24T12:30:00.000+01:00"),
        ("20261224T180000.250+0200", "YYYYMMDDTHHmmss.SSSZ", "2026-12-24T17:00:00.250+01:00"),
        ("5 May 2026", "D MMM YYYY", "2026-05-05T00:00:00.000+02:00"),
        ("July 5, 2026", "MMMM D, YYYY", "2026-07-05T00:00:00.000+02:00"),
        ("due 2026-01-02", "[due] YYYY-MM-DD", "2026-01-02T00:00:00.000+01:00"),
    ],
)
async def test_a_date_is_read_by_a_pattern(text: str, pattern: str, local: str) -> None:
    """Parts that are not in the pattern are zero."""
    made = await answer("date.parse", text=text, patterns=[pattern], zone=VIENNA)
    assert made["local"] == local


async def test_patterns_are_tried_in_order() -> None:
    """The first by which there is such a date."""
    patterns = ["DD/MM/YYYY", "MM/DD/YYYY"]
    for text, day in (
        ("02/03/2026", "2026-03-02"),
        ("02/30/2026", None),
        ("02/13/2026", "2026-02-13"),
    ):
        if day is None:
            await refusal("date.parse", text=text, patterns=patterns)
        else:
            assert (await answer("date.parse", text=text, patterns=patterns))["date"] == day


UNREADABLE: list[dict[str, Any]] = [
    {"text": text}
    for text in (
        "", "tomorrow", "2026-02-30", "2026-13-01", "2026-1-1", "20260101", "0000-01-01",
        "2026-01-01T24:00", "2026-01-01T10:60", "2026-01-01T10:00:60", "2026-01-01T10",
        "2026-01-01T10:00+25:00", "2026-01-01Z", "٢٠٢٦-01-01",
    )
] + [
    {"text": "2026-01-01", "patterns": ["DD.MM.YYYY"]},
    {"text": "31.02.2026", "patterns": ["DD.MM.YYYY"]},
    {"text": "1.1.2026 13:00 PM", "patterns": ["D.M.YYYY hh:mm A"]},
]  # fmt: skip


@pytest.mark.parametrize("request_", UNREADABLE)
async def test_what_is_no_date_is_refused(request_: dict[str, Any]) -> None:
    """Nothing is guessed; the field is named and the text is not repeated."""
    error = await refusal("date.parse", **request_)
    assert (error.error_code, error.details) == ("DATE_UNREADABLE", {"field": "text"})


@pytest.mark.parametrize(
    ("action_id", "request_"),
    [
        ("date.format", {"at": "x", "pattern": "YYYY"}),
        ("date.add", {"at": "x", "duration": "P1D"}),
        ("date.period", {"at": "x", "unit": "day"}),
        ("date.difference", {"start": "x", "end": "2026-01-01"}),
        ("date.difference", {"start": "2026-01-01", "end": "x"}),
    ],
)
async def test_every_date_has_to_be_one(action_id: str, request_: dict[str, Any]) -> None:
    """The field that is none is named."""
    error = await refusal(action_id, **request_)
    assert error.error_code == "DATE_UNREADABLE"
    assert request_[error.details["field"]] == "x"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("DD.MM.YYYY HH:mm", "05.07.2026 00:07"),
        ("D.M.YYYY H:mm:ss.SSS", "5.7.2026 0:07:09.250"),
        ("dddd, D MMMM YYYY [at] hh:mm A", "Sunday, 5 July 2026 at 12:07 AM"),
        ("ddd MMM h A", "Sun Jul 12 AM"),
        ("YYYY-MM-DDTHH:mmZ", "2026-07-05T00:07+02:00"),
        ("[]YYYY[MM]", "2026MM"),
        ("→ YYYY", "→ 2026"),
    ],
)
async def test_a_time_is_written(pattern: str, text: str) -> None:
    """In the zone, with English names, whatever the worker's locale."""
    at = "2026-07-04T22:07:09.25Z"
    assert await answer("date.format", at=at, pattern=pattern, zone=VIENNA) == {"text": text}


@given(MOMENTS, ZONES)
async def test_what_is_written_is_read_back(moment: datetime, zone: str) -> None:
    """By one pattern, with the offset of the zone."""
    pattern = "D MMMM YYYY h:mm:ss A Z"
    text = (await answer("date.format", at=moment.isoformat(), pattern=pattern, zone=zone))["text"]
    made = await answer("date.parse", text=text, patterns=[pattern])
    assert datetime.fromisoformat(made["instant"]) == moment


@given(MOMENTS, DURATIONS, ZONES)
async def test_a_duration_is_added_as_waits_count_it(
    moment: datetime, duration: str, zone: str
) -> None:
    """The calendars judge: months, days of 23 and 25 hours, then time as it passes."""
    made = await answer("date.add", at=moment.isoformat(), duration=duration, zone=zone)
    expected = after(parse_duration(duration), moment, zone)
    assert datetime.fromisoformat(made["instant"]) == expected
    assert datetime.fromisoformat(made["local"]) == expected
    assert made["date"] == f"{expected.astimezone(ZoneInfo(zone)).date()}"


@pytest.mark.parametrize(
    ("at", "duration", "local"),
    [
        ("2026-03-31T12:00", "P1M", "2026-02-28T12:00:00.000+01:00"),
        ("2026-03-29T12:00", "P1D", "2026-03-28T12:00:00.000+01:00"),
        ("2026-03-29T12:00", "PT24H", "2026-03-28T11:00:00.000+01:00"),
        ("2026-01-15", "P1Y1M1D", "2024-12-14T00:00:00.000+01:00"),
        ("2026-01-15", "PT0S", "2026-01-15T00:00:00.000+01:00"),
    ],
)
async def test_a_duration_leads_back(at: str, duration: str, local: str) -> None:
    """By the same rules."""
    request = {"at": at, "duration": duration, "zone": VIENNA}
    assert (await answer("date.add", **request, direction="back"))["local"] == local


@given(MOMENTS, MOMENTS, ZONES)
async def test_a_difference_is_what_has_to_be_added(
    start: datetime, end: datetime, zone: str
) -> None:
    """Milliseconds, dates and whole months lead from the one toward the other."""
    made = await answer("date.difference", start=start.isoformat(), end=end.isoformat(), zone=zone)
    assert start + timedelta(milliseconds=made["milliseconds"]) == end
    there = start.astimezone(ZoneInfo(zone)).date() + timedelta(days=made["calendarDays"])
    assert there == end.astimezone(ZoneInfo(zone)).date()
    months = made["calendarMonths"]
    assert months == 0 or (months > 0) is (end > start)
    earlier, later = sorted((start, end))
    assert after(Duration(months=abs(months)), earlier, zone) <= later
    assert after(Duration(months=abs(months) + 1), earlier, zone) > later


@pytest.mark.parametrize(
    ("start", "end", "days", "months"),
    [
        ("2026-01-31", "2026-02-28", 28, 1),
        ("2026-02-28", "2026-03-31", 31, 1),
        ("2026-03-28T23:59", "2026-03-29T00:01", 1, 0),
        ("2026-05-01", "2025-05-01", -365, -12),
        ("2026-05-01", "2026-05-01", 0, 0),
    ],
)
async def test_days_and_months_lie_between(start: str, end: str, days: int, months: int) -> None:
    """By the calendar of the zone; negative if the end is before the start."""
    made = await answer("date.difference", start=start, end=end, zone=VIENNA)
    assert (made["calendarDays"], made["calendarMonths"]) == (days, months)


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [
        ("day", "2026-03-29", "2026-03-29"),
        ("week", "2026-03-23", "2026-03-29"),
        ("month", "2026-03-01", "2026-03-31"),
        ("quarter", "2026-01-01", "2026-03-31"),
        ("year", "2026-01-01", "2026-12-31"),
    ],
)
async def test_a_time_lies_in_a_period(unit: str, first: str, last: str) -> None:
    """Sunday 29 March 2026, a day of 23 hours in Vienna."""
    made = await answer("date.period", at="2026-03-28T23:30Z", unit=unit, zone=VIENNA)
    assert (made["firstDate"], made["lastDate"]) == (first, last)
    following = date.fromisoformat(last) + timedelta(days=1)
    for bound, day in (("start", date.fromisoformat(first)), ("end", following)):
        expected = await answer("date.parse", text=f"{day}", zone=VIENNA)
        assert made[bound] == expected["instant"]


async def test_weeks_begin_on_the_day_that_is_asked_for() -> None:
    """A Sunday is the last day of one week, or the first of another."""
    made = await answer("date.period", at="2026-03-29", unit="week", weekStart="sunday")
    assert (made["firstDate"], made["lastDate"]) == ("2026-03-29", "2026-04-04")
    made = await answer("date.period", at="2026-03-28", unit="week", weekStart="sunday")
    assert made["firstDate"] == "2026-03-22"


@given(MOMENTS, st.sampled_from(["day", "week", "month", "quarter", "year"]), ZONES)
async def test_every_time_lies_in_its_period(moment: datetime, unit: str, zone: str) -> None:
    """From its start on and before its end; one follows the other without a gap."""
    made = await answer("date.period", at=moment.isoformat(), unit=unit, zone=zone)
    start, end = (datetime.fromisoformat(made[name]) for name in ("start", "end"))
    assert start <= moment < end
    following = await answer("date.period", at=made["end"], unit=unit, zone=zone)
    assert following["start"] == made["end"]


async def test_a_day_begins_when_the_clocks_say_so() -> None:
    """Midnight was skipped in Beirut in 2022; in Toronto, once, from 23:30 to 00:30."""
    made = await answer("date.period", at="2022-03-27T12:00", unit="day", zone="Asia/Beirut")
    assert made["start"] == "2022-03-26T22:00:00.000Z"
    assert made["end"] == "2022-03-27T21:00:00.000Z"
    made = await answer("date.period", at="1919-03-31", unit="day", zone="America/Toronto")
    assert made["start"] == "1919-03-31T04:30:00.000Z"


@pytest.mark.parametrize(
    ("action_id", "request_"),
    [
        ("date.add", {"at": "9999-12-31", "duration": "P1D"}),
        ("date.add", {"at": "9999-12-31", "duration": "PT24H"}),
        ("date.add", {"at": "0001-01-01", "duration": "P1M", "direction": "back"}),
        ("date.parse", {"text": "0001-01-01", "zone": "Asia/Tokyo"}),
        ("date.parse", {"text": "0001-01-01", "zone": "America/New_York"}),
        ("date.format", {"at": "9999-12-31T23:00Z", "pattern": "YYYY", "zone": "Asia/Tokyo"}),
        ("date.period", {"at": "9999-12-31", "unit": "year"}),
        ("date.period", {"at": "0001-01-01", "unit": "week", "weekStart": "sunday"}),
        (
            "date.difference",
            {"start": "0001-01-01", "end": "9999-12-31T23:00Z", "zone": "Asia/Tokyo"},
        ),
    ],
)
async def test_outside_the_years_nothing_is_counted(
    action_id: str, request_: dict[str, Any]
) -> None:
    """A typed error at both ends of the calendar; what can be told is told."""
    if request_.get("zone") == "America/New_York":
        assert (await answer(action_id, **request_))["date"] == "0001-01-01"
    else:
        assert (await refusal(action_id, **request_)).error_code == "DATE_RANGE"


@pytest.mark.parametrize(
    ("action_id", "request_", "says"),
    [
        ("date.parse", {"text": None}, "text: "),
        ("date.parse", {"text": "2026-01-01", "zone": "Vienna"}, "it is no time zone"),
        ("date.parse", {"text": "2026-01-01", "zone": "Europe"}, "it is no time zone"),
        ("date.parse", {"text": "2026-01-01", "zone": "../etc/passwd"}, "it is no time zone"),
        ("date.parse", {"text": "", "patterns": ["MM.YYYY"]}, "a year, one month and a day"),
        ("date.parse", {"text": "", "patterns": ["DD.MM.MMM.YYYY"]}, "a year, one month"),
        ("date.parse", {"text": "", "patterns": ["DD.MM.YYYY DD"]}, "stands once"),
        ("date.parse", {"text": "", "patterns": ["ddd DD.MM.YYYY"]}, "names of days"),
        ("date.parse", {"text": "", "patterns": ["DD.MM.YYYY hh:mm"]}, "hh together with A"),
        ("date.parse", {"text": "", "patterns": ["DD.MM.YYYY [x"]}, "stand in [brackets]"),
        ("date.format", {"at": "2026-01-01", "pattern": ""}, "must not be empty"),
        ("date.format", {"at": "2026-01-01", "pattern": "YYYY at"}, "stand in [brackets]"),
        ("date.add", {"at": "2026-01-01", "duration": "1 day"}, "written as in P30D"),
        ("date.add", {"at": "2026-01-01", "duration": "P200Y"}, "a hundred years"),
        ("date.add", {"at": 5, "duration": "P1D"}, "at: It has to be text"),
        ("date.difference", {"start": "2026-01-01"}, "end: "),
        ("date.period", {"at": "2026-01-01", "unit": "hour"}, "unit: "),
    ],
)
async def test_other_input_is_refused(action_id: str, request_: dict[str, Any], says: str) -> None:
    """Before anything is counted, with what to write instead."""
    error = await refusal(action_id, **request_)
    assert error.error_code == "ACTION_INPUT_INVALID"
    assert says in error.message
