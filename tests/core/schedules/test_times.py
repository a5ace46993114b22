"""When occurrences are: against a minute-by-minute judge, over changes of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise, product, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.schedules.cron import parse_cron
from alga_workflows_core.schedules.times import BoundedTimes, CronTimes, OneTime, RegularTimes
from alga_workflows_core.schedules.utc_calendars import utc_calendars
from alga_workflows_core.temporal.schedules import UtcCalendar
from tests.core.schedules.judge import judged

SHIFTS = {
    # Two days around each change of clocks: forward, back.
    "Europe/Vienna": ("2027-03-27", "2027-10-30"),
    "Europe/London": ("2027-03-27", "2027-10-30"),
    "America/New_York": ("2027-03-13", "2027-11-06"),
    "America/St_Johns": ("2027-03-13", "2027-11-06"),
    "America/Havana": ("2027-03-13", "2027-11-06"),
    "America/Santiago": ("2027-09-04", "2027-04-03"),
    "Asia/Beirut": ("2027-03-27", "2027-10-30"),
    "Australia/Lord_Howe": ("2027-10-02", "2027-04-03"),
    "Pacific/Chatham": ("2027-09-25", "2027-04-03"),
    "Africa/Cairo": ("2027-04-29", "2027-10-28"),
    # The ones that change at midnight to the day before, skip a whole day, or had odd seconds.
    "America/Sao_Paulo": ("2018-11-03", "2019-02-16"),
    "America/Asuncion": ("2023-09-30", "2024-03-23"),
    "Pacific/Apia": ("2011-12-29", "2011-04-01"),
    "Africa/Monrovia": ("1972-01-06", "1971-05-01"),
    "Asia/Kolkata": ("2027-03-01", "2027-10-01"),
    "UTC": ("2027-03-01", "2027-10-01"),
}
CRONS = (
    "30 2 * * *",
    "0 0 * * *",
    "30 0,23 * * *",
    "*/15 * * * *",
    "10 * * * *",
    "*/20 0-3 * * *",
    "0 */2 * * *",
    "45 1 * * SUN",
    "15 2 28-31 * *",
)
# The judge counts whole minutes of UTC only.
JUDGED = [(zone, day) for zone, days in SHIFTS.items() for day in days if zone != "Africa/Monrovia"]
WINDOWS = [(zone, day) for zone, days in SHIFTS.items() for day in days]


def window(day: str) -> tuple[datetime, datetime]:
    """Three days from a date on."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return start, start + timedelta(days=3)


def between(times: CronTimes, start: datetime, end: datetime) -> list[datetime]:
    """Those from `start` until right before `end`."""
    return list(takewhile(lambda at: at < end, times.after(start - timedelta.resolution)))


def expanded(calendars: tuple[UtcCalendar, ...], start: datetime, end: datetime) -> list[datetime]:
    """Every moment of a span that a calendar names, as often as calendars name it."""
    found: list[datetime] = []
    for each in calendars:
        day = start.replace(hour=0, minute=0)
        while day < end:
            if day.year in each.years and day.month in each.months and day.day in each.days:
                clock = product(each.hours, each.minutes, each.seconds)
                found += [day.replace(hour=h, minute=m, second=s) for h, m, s in clock]
            day += timedelta(days=1)
    return sorted(at for at in found if start <= at < end)


@pytest.mark.parametrize(("zone", "day"), JUDGED)
def test_occurrences_over_a_change_of_clocks_are_the_judged_ones(zone: str, day: str) -> None:
    """Gaps and folds of an hour and of half of one, at night and at midnight; a day left out."""
    start, end = window(day)
    for expression in CRONS:
        times = CronTimes(parse_cron(expression), ZoneInfo(zone))
        found = between(times, start, end)
        assert found == judged(expression, zone, start, end), expression
        some = found[::29]
        assert all(times.includes(at) for at in some)
        assert not any(times.includes(at + timedelta(seconds=1)) for at in some)


@pytest.mark.parametrize(("zone", "day"), WINDOWS)
def test_calendars_in_utc_name_the_same_moments_each_once(zone: str, day: str) -> None:
    """What Temporal is told is what the preview shows."""
    start, end = window(day)
    first, last = start.date() - timedelta(days=2), end.date() + timedelta(days=2)
    for expression in CRONS:
        times = CronTimes(parse_cron(expression), ZoneInfo(zone))
        assert expanded(utc_calendars(times, first, last), start, end) == between(
            times, start, end
        ), expression


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(sorted({zone for zone, _ in JUDGED})),
    minute=st.sampled_from(["0", "*/7", "30", "59", "5-10"]),
    hour=st.sampled_from(["*", "0", "2", "23", "1-3", "*/5"]),
    days=st.sampled_from(["* * *", "1 * *", "* * MON-FRI", "15 * SAT", "29 2 *", "31 * *"]),
    minutes=st.integers(0, 4 * 365 * 24 * 60),
)
def test_occurrences_of_any_month_are_the_judged_ones(
    zone: str, minute: str, hour: str, days: str, minutes: int
) -> None:
    """Ten days anywhere, and the calendars of them."""
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    end = begin + timedelta(days=10)
    expression = f"{minute} {hour} {days}"
    times = CronTimes(parse_cron(expression), ZoneInfo(zone))
    found = between(times, begin, end)
    assert found == judged(expression, zone, begin, end)
    first, last = begin.date() - timedelta(days=2), end.date() + timedelta(days=2)
    assert expanded(utc_calendars(times, first, last), begin, end) == found


@pytest.mark.parametrize(
    ("expression", "zone", "day", "walls"),
    [
        ("30 2 * * *", "Europe/Vienna", "2027-03-28", ["03:00+02"]),
        ("0 3 * * *", "Europe/Vienna", "2027-03-28", ["03:00+02"]),
        ("*/30 2,3 * * *", "Europe/Vienna", "2027-03-28", ["03:00+02", "03:30+02"]),
        ("30 2 * * *", "Europe/Vienna", "2027-10-31", ["02:30+02"]),
        ("30 * * * *", "Europe/Vienna", "2027-10-31", ["00:30+02", "01:30+02", "02:30+02"]),
        ("30 2 * * *", "Australia/Lord_Howe", "2027-10-03", ["02:30+11"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2027-10-03", ["02:30+11"]),
        ("0 0 * * *", "Asia/Beirut", "2027-03-28", ["01:00+03"]),
    ],
)
def test_a_gap_moves_and_a_fold_counts_once(
    expression: str, zone: str, day: str, walls: list[str]
) -> None:
    """A wall time that the clocks skip runs when they are changed, one that comes twice once; each
    hour as it passes if the expression names every hour."""
    times = CronTimes(parse_cron(expression), ZoneInfo(zone))
    found = [at.astimezone(ZoneInfo(zone)) for at in times.of(date.fromisoformat(day))]
    shown = [f"{at:%H:%M%z}"[:8] for at in found]
    assert shown[: len(walls)] == walls
    assert times.cron.every_hour or len(shown) == len(walls)


def test_every_hour_counts_the_hour_that_comes_twice_and_not_the_one_that_is_skipped() -> None:
    """Twenty-five and twenty-three occurrences, an hour apart."""
    times = CronTimes(parse_cron("30 * * * *"), ZoneInfo("Europe/Vienna"))
    for day, count in ((date(2027, 10, 31), 25), (date(2027, 3, 28), 23)):
        found = times.of(day)
        assert len(found) == count
        gaps = {later - former for former, later in pairwise(found)}
        assert gaps == {timedelta(hours=1)}


def test_regular_times_count_from_their_anchor_in_both_directions() -> None:
    """Also before the anchor, and the moment itself is not behind itself."""
    anchor = datetime(2027, 1, 1, 0, 7, tzinfo=UTC)
    times = RegularTimes(timedelta(minutes=25), anchor)
    assert list(islice(times.after(anchor), 2)) == [
        datetime(2027, 1, 1, 0, 32, tzinfo=UTC),
        datetime(2027, 1, 1, 0, 57, tzinfo=UTC),
    ]
    before = next(iter(times.after(anchor - timedelta(minutes=26))))
    assert before == anchor - timedelta(minutes=25)
    assert times.includes(before)
    assert not times.includes(before + timedelta(seconds=1))


def test_bounds_are_included_and_end_the_times() -> None:
    """From the first to the last moment that is allowed."""
    first = datetime(2027, 1, 1, tzinfo=UTC)
    times = BoundedTimes(
        times=RegularTimes(timedelta(hours=1), first),
        first=first,
        last=first + timedelta(hours=2),
    )
    assert list(times.after(first - timedelta(days=9))) == [
        first + timedelta(hours=number) for number in range(3)
    ]
    assert list(times.after(first + timedelta(hours=2))) == []
    assert [times.includes(first + timedelta(hours=number)) for number in (-1, 0, 2, 3)] == [
        False,
        True,
        True,
        False,
    ]


def test_one_time_is_over_once_it_was() -> None:
    """It is behind what is before it only."""
    at = datetime(2027, 1, 1, tzinfo=UTC)
    assert list(OneTime(at).after(at - timedelta(seconds=1))) == [at]
    assert list(OneTime(at).after(at)) == []
    assert OneTime(at).includes(at)
