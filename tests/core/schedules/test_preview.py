"""What people are told before a schedule runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alga_workflows_core.calendars.parsing import WEEKDAYS, parse_calendar
from alga_workflows_core.schedules.preview import preview
from tests.core.schedules.documents import schedule

OFFICE = parse_calendar(
    {
        "zone": "Europe/Vienna",
        "weekly": {day: ["09:00-17:00"] for day in WEEKDAYS[:5]},
        "holidays": [{"date": "12-25", "name": "Christmas"}, {"date": "2027-01-06"}],
    }
)


def lines(when: Any, start: str, count: int, **members: Any) -> list[tuple[str, bool, str]]:
    """Time with offset, whether it runs, and the notes of each line."""
    found = preview(
        schedule(when, **members),
        OFFICE,
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        count,
    )
    return [(line.at.isoformat(), line.runs, " ".join(line.notes)) for line in found]


@pytest.mark.parametrize(
    ("cron", "zone", "start", "at", "note"),
    [
        (
            "30 2 * * *",
            "Europe/Vienna",
            "2027-03-27T12:00",
            "2027-03-28T03:00:00+02:00",
            "02:30 does not exist on 2027-03-28: runs at 03:00.",
        ),
        (
            "30 2 * * *",
            "Europe/Vienna",
            "2027-10-30T12:00",
            "2027-10-31T02:30:00+02:00",
            "02:30 occurs twice on 2027-10-31: runs the first time.",
        ),
        (
            "*/10 2 * * *",
            "America/New_York",
            "2027-03-14T00:00",
            "2027-03-14T03:00:00-04:00",
            "02:00, 02:10, 02:20 and 3 more do not exist on 2027-03-14: runs at 03:00.",
        ),
        (
            "0,30 2,3 * * *",
            "Europe/Vienna",
            "2027-03-27T12:00",
            "2027-03-28T03:00:00+02:00",
            "02:00 and 02:30 do not exist on 2027-03-28: runs at 03:00.",
        ),
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2027-10-02T12:00",
            "2027-10-03T02:30:00+11:00",
            "02:15 does not exist on 2027-10-03: runs at 02:30.",
        ),
        (
            "0 0 * * *",
            "Asia/Beirut",
            "2027-03-27T12:00",
            "2027-03-28T01:00:00+03:00",
            "00:00 does not exist on 2027-03-28: runs at 01:00.",
        ),
        ("30 2 * * *", "Europe/Vienna", "2027-03-28T12:00", "2027-03-29T02:30:00+02:00", ""),
        ("0 3 * * *", "Europe/Vienna", "2027-03-27T12:00", "2027-03-28T03:00:00+02:00", ""),
    ],
)
def test_a_change_of_clocks_has_its_line(
    cron: str, zone: str, start: str, at: str, note: str
) -> None:
    """What moves, what comes twice; and nothing is said of a day without either."""
    assert lines(cron, start, 1, zone=zone) == [(at, True, note)]


def test_an_expression_of_every_hour_says_which_hours_it_leaves_out_or_repeats() -> None:
    """Time as it passes, over both changes of clocks."""
    assert lines("30 * * * *", "2027-03-27T23:59", 3, zone="Europe/Vienna") == [
        ("2027-03-28T01:30:00+01:00", True, ""),
        (
            "2027-03-28T03:30:00+02:00",
            True,
            "02:30 does not exist on 2027-03-28: left out.",
        ),
        ("2027-03-28T04:30:00+02:00", True, ""),
    ]
    assert lines("30 * * * *", "2027-10-31T00:00", 3, zone="Europe/Vienna") == [
        (
            "2027-10-31T02:30:00+02:00",
            True,
            "02:30 occurs twice on 2027-10-31: this is the first time.",
        ),
        (
            "2027-10-31T02:30:00+01:00",
            True,
            "02:30 occurs twice on 2027-10-31: this is the second time.",
        ),
        ("2027-10-31T03:30:00+01:00", True, ""),
    ]


def test_what_a_calendar_leaves_out_is_shown_with_its_reason() -> None:
    """Weekends, holidays with and without a name."""
    found = lines(
        "0 6 * * *",
        "2026-12-24T00:00",
        4,
        zone="Europe/Vienna",
        calendar={"calendar": "office", "only": "working"},
    )
    assert [(at[:10], runs, notes) for at, runs, notes in found] == [
        ("2026-12-24", True, ""),
        (
            "2026-12-25",
            False,
            "Skipped: 2026-12-25 is no working day of 'office' (holiday: Christmas).",
        ),
        ("2026-12-26", False, "Skipped: 2026-12-26 is no working day of 'office'."),
        ("2026-12-27", False, "Skipped: 2026-12-27 is no working day of 'office'."),
    ]
    assert lines(
        "0 6 6 1 *", "2027-01-01T00:00", 1, calendar={"calendar": "office", "only": "working"}
    ) == [
        (
            "2027-01-06T06:00:00+00:00",
            False,
            "Skipped: 2027-01-06 is no working day of 'office' (holiday).",
        )
    ]


def test_a_filter_by_hours_looks_at_the_time_and_one_by_days_at_the_date() -> None:
    """Both in the calendar's zone, whatever that of the schedule is."""
    hours = {"calendar": "office", "only": "working", "by": "hours"}
    found = lines("30 7,8,15,16 22 6 *", "2027-01-01T00:00", 4, calendar=hours)
    # Vienna is two hours ahead in June, and that Tuesday the office is open from 9 to 17.
    assert [(at[11:16], runs) for at, runs, _ in found] == [
        ("07:30", True),
        ("08:30", True),
        ("15:30", False),
        ("16:30", False),
    ]
    assert "is closed on 2027-06-22 at 17:30." in found[2][2]
    late = {"calendar": "office", "only": "nonWorking"}
    # 22:30 in UTC on Friday is Saturday in Vienna.
    found = lines("30 21,22 18 6 *", "2027-01-01T00:00", 2, calendar=late)
    assert [runs for _, runs, _ in found] == [False, True]
    assert found[0][2] == "Skipped: 2027-06-18 is a working day of 'office'."


def test_intervals_and_single_times_are_shown_as_they_are() -> None:
    """Real time has no changes of clocks; a time without an offset is the zone's."""
    every = {"kind": "interval", "every": "PT6H", "anchor": "2027-03-28T00:00:00"}
    assert [at for at, _, _ in lines(every, "2027-03-28T00:00", 2, zone="Europe/Vienna")] == [
        "2027-03-28T07:00:00+02:00",
        "2027-03-28T13:00:00+02:00",
    ]
    once = {"kind": "once", "at": "2027-03-28T02:30:00"}
    assert lines(once, "2027-01-01T00:00", 5, zone="Europe/Vienna") == [
        ("2027-03-28T03:00:00+02:00", True, "")
    ]
    assert lines(once, "2028-01-01T00:00", 5, zone="Europe/Vienna") == []
