"""Arithmetic with open time, against a judge that looks at the clock minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alga_workflows_core.calendars.business import MOST_DAYS, Calendar, OpenTimeError
from alga_workflows_core.calendars.parsing import parse_calendar
from tests.core.calendars.judge import NAMES, Judge

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ALMOST_ALL = timedelta(days=MOST_DAYS - 30)
OFFICE = {day: ["08:00-12:00", "13:00-17:00"] for day in NAMES[:5]}
ALWAYS = {day: ["00:00-24:00"] for day in NAMES}
NIGHTS = {day: ["22:00-06:00"] for day in NAMES}

CHANGES = [
    # Zone, and a date near which its clocks are changed.
    ("Europe/Vienna", date(2030, 3, 31)),
    ("Europe/Vienna", date(2030, 10, 27)),
    ("America/New_York", date(2030, 3, 10)),
    ("America/New_York", date(2030, 11, 3)),
    ("Australia/Lord_Howe", date(2030, 4, 7)),  # by half an hour
    ("Australia/Lord_Howe", date(2030, 10, 6)),
    ("Africa/Casablanca", date(2030, 1, 6)),  # around Ramadan
    ("Africa/Casablanca", date(2030, 2, 10)),
    ("Asia/Beirut", date(2030, 3, 31)),  # at midnight
    ("Asia/Beirut", date(2030, 10, 27)),
    ("America/Havana", date(2030, 11, 3)),  # back to midnight
    ("America/St_Johns", date(2010, 11, 7)),  # from 00:01 back into the day before
    ("America/St_Johns", date(2010, 3, 14)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that there was not
    ("Asia/Gaza", date(2040, 10, 24)),  # twice in seven days
    ("Africa/Freetown", date(1939, 9, 3)),  # twice in four days
    ("Asia/Kathmandu", date(2030, 6, 1)),  # 05:45, never
    ("UTC", date(2030, 1, 1)),
]

clock_times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 30, 45]))


@st.composite
def hours(draw: st.DrawFn) -> list[str]:
    """None, all day, or some that do not overlap; the last may end on the next day."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from([[], ["00:00-24:00"]]))
    borders = sorted(draw(st.sets(clock_times, min_size=2, max_size=6)))
    pairs = list(zip(borders[::2], borders[1::2], strict=False))
    found = [f"{opens}-{closes}" for opens, closes in pairs]
    if len(borders) % 2:
        found.append(f"{borders[-1]}-{draw(st.sampled_from(['24:00', '00:00', borders[0]]))}")
    return draw(st.permutations(found))


@st.composite
def worlds(draw: st.DrawFn, days: int = 12) -> tuple[dict[str, Any], date, int]:
    """A calendar near a change of clocks, and the dates around it."""
    zone, change = draw(st.sampled_from(CHANGES))
    first = change - timedelta(days=draw(st.integers(1, 8)))
    near = st.integers(0, days).map(lambda number: (first + timedelta(days=number)).isoformat())
    document: dict[str, Any] = {
        "zone": zone,
        "weekly": draw(st.dictionaries(st.sampled_from(NAMES), hours(), min_size=3)),
        "holidays": [
            {"date": day if draw(st.booleans()) else day[5:]}
            for day in draw(st.lists(near, max_size=2))
        ],
        "exceptions": [
            {"date": day, "hours": draw(hours())}
            for day in draw(st.lists(near, max_size=2, unique=True))
        ],
    }
    return document, first, days


def moments(judge: Judge, days: int) -> st.SearchStrategy[datetime]:
    """Whole minutes of the days that a judge knows."""
    return st.integers(1440, (days + 1) * 1440).map(lambda number: judge.start + number * MINUTE)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_it_agrees_with_a_judge_that_counts_minutes(data: st.DataObject) -> None:
    """Open or not, open time between two moments, and the moment when it has passed."""
    document, first, days = data.draw(worlds())
    calendar, judge = parse_calendar(document), Judge(document, first, days)
    for _ in range(20):
        start, end = sorted(data.draw(st.tuples(moments(judge, days), moments(judge, days))))
        assert calendar.open_at(start) == judge.open_at(start)
        assert calendar.elapsed(start, end) == judge.elapsed(start, end)
        minutes = data.draw(st.integers(0, 3000))
        expected = judge.add(start, minutes)
        if expected is not None:
            assert calendar.add(start, minutes * MINUTE) == expected


@given(world=worlds(), data=st.data())
@settings(deadline=None)
def test_add_and_elapsed_undo_each_other(
    world: tuple[dict[str, Any], date, int], data: st.DataObject
) -> None:
    """Exactly, to the microsecond, and over years."""
    document, first, days = world
    calendar = parse_calendar(document)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    fine = st.timedeltas(timedelta(), timedelta(days=days))
    start = begin + data.draw(fine)
    for passed in (data.draw(fine), data.draw(st.timedeltas(timedelta(), timedelta(days=300)))):
        try:
            end = calendar.add(start, passed)
        except OpenTimeError:
            assert calendar.elapsed(start, start + ALMOST_ALL) < passed
            continue
        assert calendar.elapsed(start, end) == passed
        assert end == start or calendar.open_at(end - timedelta.resolution)
    end = start + data.draw(fine)
    back = calendar.add(start, calendar.elapsed(start, end))
    assert start <= back <= end
    assert calendar.elapsed(back, end) == timedelta()
    if calendar.open_at(end - timedelta.resolution):
        assert back == end


@given(world=worlds(), data=st.data())
@settings(deadline=None)
def test_open_time_only_grows(world: tuple[dict[str, Any], date, int], data: st.DataObject) -> None:
    """A later start or more open time never ends earlier; parts add up to the whole."""
    document, first, days = world
    calendar = parse_calendar(document)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    assume(calendar.elapsed(begin + timedelta(days=days), begin + ALMOST_ALL).days > days)
    fine = st.timedeltas(timedelta(), timedelta(days=days))
    one, two, three = sorted(begin + data.draw(fine) for _ in range(3))
    assert calendar.elapsed(one, two) + calendar.elapsed(two, three) == calendar.elapsed(one, three)
    assert timedelta() <= calendar.elapsed(one, two) <= two - one
    less, more = sorted(data.draw(fine) for _ in range(2))
    assert calendar.add(one, less) <= calendar.add(one, more)
    assert calendar.add(one, more) <= calendar.add(two, more)
    assert calendar.add(calendar.add(one, less), more - less) == calendar.add(one, more)
    following = calendar.next_open(one)
    assert calendar.open_at(following)
    assert calendar.elapsed(one, following) == timedelta()


@given(world=worlds(), years=st.integers(1, 6), start=st.integers(0, 12 * 24 * 60))
@settings(deadline=None, max_examples=25)
def test_years_are_the_sum_of_their_days(
    world: tuple[dict[str, Any], date, int], years: int, start: int
) -> None:
    """What is passed over by the week is what each day of it has."""
    document, first, _ = world
    calendar = parse_calendar(document)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) + start * MINUTE
    steps = [begin + timedelta(hours=36 * number) for number in range(years * 250)]
    parts = (calendar.elapsed(*pair) for pair in pairwise(steps))
    assert sum(parts, timedelta()) == calendar.elapsed(begin, steps[-1])


def office(zone: str = "Europe/Vienna", **members: Any) -> Calendar:
    """Monday to Friday, 8 to 12 and 13 to 17."""
    return parse_calendar({"zone": zone, "weekly": OFFICE, **members})


@pytest.mark.parametrize(
    ("start", "open_time", "end"),
    [
        ("2030-01-04T15:00Z", 2 * HOUR, "2030-01-07T08:00Z"),  # over a weekend
        ("2030-01-07T10:00Z", 2 * HOUR, "2030-01-07T13:00Z"),  # over noon
        ("2030-01-05T10:00Z", HOUR, "2030-01-07T08:00Z"),  # from a Saturday
        ("2030-01-05T10:00Z", timedelta(), "2030-01-05T10:00Z"),
        ("2030-01-07T07:00Z", 4 * HOUR, "2030-01-07T11:00Z"),  # until it closes
        ("2030-01-07T11:00Z", MINUTE, "2030-01-07T12:01Z"),
        ("2030-03-29T15:00Z", 2 * HOUR, "2030-04-01T07:00Z"),  # summer has come
    ],
)
def test_in_an_office(start: str, open_time: timedelta, end: str) -> None:
    """Until it closes rather than until it opens again."""
    began, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert office().add(began, open_time) == ends
    assert office().elapsed(began, ends) == open_time


def test_a_moment_of_opening_is_open_and_one_of_closing_is_not() -> None:
    """So that two calendars in succession have no moment in common."""
    opens, closes = (datetime(2030, 1, 7, hour, tzinfo=UTC) for hour in (7, 11))
    assert [office().open_at(at) for at in (opens, closes)] == [True, False]
    instant = timedelta.resolution
    assert [office().open_at(at - instant) for at in (opens, closes)] == [False, True]


@pytest.mark.parametrize(
    ("text", "day", "length"),
    [
        ("01:00-04:00", "2030-03-31", 2 * HOUR),  # 02:00 to 03:00 is skipped
        ("02:15-02:45", "2030-03-31", timedelta()),
        ("02:30-04:00", "2030-03-31", HOUR),
        ("01:00-02:30", "2030-03-31", HOUR),
        ("01:00-04:00", "2030-10-27", 4 * HOUR),  # 02:00 to 03:00 comes twice
        ("02:15-02:45", "2030-10-27", HOUR / 2),
        ("02:30-04:00", "2030-10-27", 2.5 * HOUR),
        ("01:00-02:30", "2030-10-27", 1.5 * HOUR),
        ("22:00-06:00", "2030-10-26", 9 * HOUR),
        ("22:00-06:00", "2030-03-30", 7 * HOUR),
    ],
)
def test_hours_over_a_change_of_clocks(text: str, day: str, length: timedelta) -> None:
    """Real time is measured; a wall time that comes twice is the first of the two."""
    exceptions = [{"date": day, "hours": [text]}]
    calendar = parse_calendar({"zone": "Europe/Vienna", "exceptions": exceptions})
    noon = datetime.fromisoformat(f"{day}T00:00Z") - HOUR * 12
    assert calendar.elapsed(noon, noon + timedelta(days=3)) == length


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_around_the_clock_is_real_time(zone: str, change: date) -> None:
    """No change of clocks opens or closes what is always open."""
    calendar = parse_calendar({"zone": zone, "weekly": ALWAYS})
    start = datetime(change.year, change.month, change.day, tzinfo=UTC) - timedelta(days=3)
    for hours_later in range(0, 150, 7):
        assert calendar.open_at(start + hours_later * HOUR)
        assert calendar.add(start, hours_later * HOUR) == start + hours_later * HOUR
        assert calendar.elapsed(start, start + hours_later * HOUR) == hours_later * HOUR


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    """A night before a holiday lasts until its morning; that of the holiday does not begin."""
    calendar = parse_calendar(
        {"zone": "UTC", "weekly": NIGHTS, "holidays": [{"date": "12-25", "name": "Christmas"}]}
    )
    for year in (2030, 2031):
        morning = datetime(year, 12, 25, 5, tzinfo=UTC)
        assert calendar.open_at(morning)
        assert not calendar.open_at(morning + 24 * HOUR)
        assert calendar.add(morning, 2 * HOUR) == datetime(year, 12, 26, 23, tzinfo=UTC)


def test_an_exception_stands_above_weekday_and_holiday() -> None:
    """Its date has its hours and no others."""
    calendar = office(
        "UTC",
        holidays=[{"date": "2030-01-07"}],
        exceptions=[
            {"date": "2030-01-06", "hours": ["10:00-11:00"]},  # a Sunday
            {"date": "2030-01-07", "hours": ["10:00-11:00"], "name": "Stock-taking"},
            {"date": "2030-01-08", "hours": []},
        ],
    )
    sunday = datetime(2030, 1, 6, tzinfo=UTC)
    assert calendar.elapsed(sunday, sunday + timedelta(days=3)) == 2 * HOUR


def test_a_day_that_is_shown_again_after_its_end() -> None:
    """In St. John's it was 23:01 on Saturday again after 00:01 on Sunday: Sunday had begun."""
    calendar = parse_calendar({"zone": "America/St_Johns", "weekly": {"sunday": ["00:00-24:00"]}})
    begin = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    assert [calendar.open_at(begin + minutes * MINUTE) for minutes in (-1, 0, 15, 90)] == [
        *(False, True, True, True)
    ]
    assert calendar.elapsed(begin + 15 * MINUTE, begin + 90 * MINUTE) == 75 * MINUTE
    assert calendar.add(begin + 15 * MINUTE, 2 * HOUR) == begin + 135 * MINUTE


def test_a_week_in_which_the_clocks_change_and_change_back_is_not_passed_over() -> None:
    """In Freetown they did so within four days: a week with the same offset at both its ends."""
    document = {"zone": "Africa/Freetown", "weekly": {"friday": ["00:00-04:00"]}}
    start, end = (datetime(1939, *day, tzinfo=UTC) for day in ((8, 22), (9, 15)))
    found = parse_calendar(document).elapsed(start, end)
    assert found == Judge(document, start.date(), 30).elapsed(start, end) == 12 * HOUR - 20 * MINUTE


def test_hours_of_two_days_that_overlap_count_once() -> None:
    """A night may last longer than until the next day opens."""
    weekly = {"monday": ["20:00-09:00"], "tuesday": ["08:00-10:00"]}
    calendar = parse_calendar({"zone": "UTC", "weekly": weekly})
    monday = datetime(2030, 1, 7, tzinfo=UTC)
    assert calendar.elapsed(monday, monday + timedelta(days=7)) == 14 * HOUR
    assert calendar.add(monday, 14 * HOUR) == monday + 34 * HOUR


def test_what_never_comes_is_an_error() -> None:
    """A calendar that is never open, and more open time than twenty years have, end soon."""
    start = datetime(2030, 1, 7, 12, tzinfo=UTC)
    never = parse_calendar({"zone": "Europe/Vienna"})
    once = parse_calendar(
        {"zone": "UTC", "exceptions": [{"date": "2030-01-08", "hours": ["08:00-09:00"]}]}
    )
    assert once.add(start, HOUR) == datetime(2030, 1, 8, 9, tzinfo=UTC)
    for calendar, open_time in (
        (never, MINUTE),
        (once, HOUR + timedelta.resolution),
        (office(), timedelta(days=MOST_DAYS)),
        (office(), timedelta.max),
    ):
        with pytest.raises(OpenTimeError):
            calendar.add(start, open_time)
    with pytest.raises(OpenTimeError):
        never.next_open(start)
    with pytest.raises(OpenTimeError):
        office().elapsed(start, start + timedelta(days=MOST_DAYS + 2))
    assert never.add(start, timedelta()) == start
    always = parse_calendar({"zone": "Europe/Vienna", "weekly": ALWAYS})
    assert always.add(start, timedelta(days=MOST_DAYS - 1)) == start + timedelta(days=MOST_DAYS - 1)


@pytest.mark.parametrize("year", [1, 9999])
def test_time_has_borders(year: int) -> None:
    """At the ends of time there is no day before, or behind."""
    moment = datetime(year, 6, 1, tzinfo=UTC)
    with pytest.raises(OpenTimeError):
        office().add(moment, HOUR)
    near = datetime(2 if year == 1 else 9998, 1, 1, tzinfo=UTC)
    assert office("UTC").open_at(office("UTC").next_open(near))
    with pytest.raises(OpenTimeError):
        office().add(near, timedelta(days=MOST_DAYS))


def test_moments_have_offsets_and_time_goes_forward() -> None:
    """A wall time without a zone, and time that goes back, are mistakes of the caller."""
    moment = datetime(2030, 1, 7, tzinfo=UTC)
    for wrong in (
        lambda: office().open_at(moment.replace(tzinfo=None)),
        lambda: office().add(moment, -timedelta.resolution),
        lambda: office().elapsed(moment, moment - timedelta.resolution),
    ):
        with pytest.raises(ValueError, match=r"moment|negative|before") as caught:
            wrong()
        assert not isinstance(caught.value, OpenTimeError)


def test_a_year_of_office_hours_takes_no_time() -> None:
    """Plain weeks are passed over whole: less than 5 ms, also with ten holidays and exceptions."""
    special: dict[str, Any] = {
        "holidays": [{"date": f"{month:02}-01"} for month in range(1, 11)],
        "exceptions": [{"date": f"2030-{month:02}-15", "hours": []} for month in range(1, 11)],
    }
    start = datetime(2030, 1, 7, 12, tzinfo=UTC)
    for calendar in (office(), office(**special)):
        year = calendar.elapsed(start, start + timedelta(days=365))
        taken: list[float] = []
        for _ in range(5):
            began = perf_counter()
            calendar.add(start, year)
            taken.append(perf_counter() - began)
        assert min(taken) < 0.005
