"""Durations: what is taken, what it means, what is refused and in which words."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.calendars.durations import (
    LONGEST_DAYS,
    LONGEST_MS,
    PATTERN,
    Duration,
    parse_duration,
)

FORM = "a duration is written as in P30D, PT1H30M or P1M"
TOO_LONG = "a duration is a hundred years at most"


@pytest.mark.parametrize(
    ("text", "months", "days", "seconds"),
    [
        ("P1Y", 12, 0, 0),
        ("P1M", 1, 0, 0),
        ("PT1M", 0, 0, 60),
        ("P1W", 0, 7, 0),
        ("P30D", 0, 30, 0),
        ("PT24H", 0, 0, 86400),
        ("PT90S", 0, 0, 90),
        ("PT0.5S", 0, 0, 0.5),
        ("PT0,5S", 0, 0, 0.5),
        ("PT1.000001S", 0, 0, 1.000001),
        ("P1Y2M3W4DT5H6M7.89S", 14, 25, 5 * 3600 + 6 * 60 + 7.89),
        ("P007D", 0, 7, 0),
        ("P0D", 0, 0, 0),
        ("PT0S", 0, 0, 0),
    ],
)
def test_calendar_units_and_clock_units_are_kept_apart(
    text: str, months: int, days: int, seconds: float
) -> None:
    """A month is no number of days, and a day is not always 24 hours."""
    expected = Duration(months=months, days=days, exact=timedelta(seconds=seconds))
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "1D", "P1", "PT1", "D", "T1H", "P1H", "PT1D", "PT1W", "PT1Y"),
        *("p1d", "P1d", "-P1D", "+P1D", "P-1D", "P+1D", "P1.5D", "PT1.5H", "PT1.5M", "P0.5Y"),
        *("PT.5S", "PT1.S", "PT1.1234567S", "P1D ", " P1D", "P 1D", "P1D\n", "\nP1D", "P1D\x00"),
        *("P1M1Y", "P1D1D", "P1D1W", "PT1S1M", "PT1M1H", "P1DT1H1D", "P1D/P1D", "P1D,P1D"),
        *("P\u0661D", "P\u00b2D", "P\uff11D", "\u04201D", "P1_0D", "P1e3D", "P1,000D"),
        *("P0001-01-01", "30 days"),
        "P" + "9" * 13 + "D",
        "P" + "1" * 100_000 + "D",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Only the form that ISO 8601 gives, without a sign, in ASCII, with nothing around it."""
    with pytest.raises(ValueError, match=re.escape(FORM)):
        parse_duration(text)


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        ("P100Y", "P101Y"),
        ("P100Y", "P100YT0.000001S"),
        ("P1200M", "P1201M"),
        ("P99Y11M25D", "P99Y11M26D"),
        ("P5228W", "P5229W"),
        ("P36600D", "P36601D"),
        ("P36599DT24H", "P36599DT24H1S"),
        ("PT878400H", "PT878401H"),
        ("PT52704000M", "PT52704001M"),
        ("PT3162240000S", "PT3162240000.000001S"),
        ("P99Y", "P999999999999Y"),
        ("P99Y", "P999999999999D"),
        ("P99Y", "PT999999999999H"),
        ("P99Y", "P999999999999Y999999999999M999999999999W999999999999DT999999999999H"),
    ],
)
def test_a_duration_is_a_hundred_years_at_most(fits: str, does_not: str) -> None:
    """However it is written; what is longer is a slip, and dates end in the year 9999."""
    assert parse_duration(fits).at_most <= timedelta(days=LONGEST_DAYS)
    assert timedelta(milliseconds=LONGEST_MS) == timedelta(days=LONGEST_DAYS)
    with pytest.raises(ValueError, match=f"^{TOO_LONG}$"):
        parse_duration(does_not)


def test_only_no_time_at_all_is_zero() -> None:
    """So that a wait for nothing can be told from a wait for a moment."""
    for text in ("P0D", "PT0S", "PT0.000000S", "P0Y0M0W0DT0H0M0S"):
        assert parse_duration(text).is_zero
    for text in ("P1D", "P1M", "PT0.000001S"):
        assert not parse_duration(text).is_zero


AMOUNTS = st.none() | st.integers(0, 40)


@given(
    calendar=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS),
    clock=st.tuples(AMOUNTS, AMOUNTS),
    seconds=st.none() | st.tuples(st.integers(0, 10**6), st.text("0123456789", max_size=6)),
)
def test_what_is_written_is_what_is_read(
    calendar: tuple[int | None, ...],
    clock: tuple[int | None, ...],
    seconds: tuple[int, str] | None,
) -> None:
    """Every combination of units, with and without a fraction; only the empty one is refused."""
    dates = "".join(f"{n}{unit}" for n, unit in zip(calendar, "YMWD", strict=True) if n is not None)
    times = "".join(f"{n}{unit}" for n, unit in zip(clock, "HM", strict=True) if n is not None)
    if seconds is not None:
        whole, fraction = seconds
        times += f"{whole}{'.' if fraction else ''}{fraction}S"
    text = f"P{dates}{'T' if times else ''}{times}"
    if not dates and not times:
        with pytest.raises(ValueError, match=FORM):
            parse_duration(text)
        return
    years, months, weeks, days = (n or 0 for n in calendar)
    hours, minutes = (n or 0 for n in clock)
    whole, fraction = seconds or (0, "")
    microseconds = round(float(f"0.{fraction or 0}") * 10**6)
    assert parse_duration(text) == Duration(
        months=12 * years + months,
        days=7 * weeks + days,
        exact=timedelta(hours=hours, minutes=minutes, seconds=whole, microseconds=microseconds),
    )


@given(
    begin=st.dates(date(1900, 1, 1), date(2200, 12, 31)),
    months=st.integers(0, 1200),
    days=st.integers(0, 1000),
)
def test_at_most_is_never_exceeded(begin: date, months: int, days: int) -> None:
    """Whatever the lengths of the months on the way, leap years included."""
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    first_of_month = date(year, month + 1, 1)
    following = (first_of_month + timedelta(days=32)).replace(day=1)
    last = (following - timedelta(days=1)).day
    end = first_of_month.replace(day=min(begin.day, last)) + timedelta(days=days)
    assert end - begin <= Duration(months=months, days=days).at_most


@given(st.from_regex(PATTERN) | st.text("PTYMWDHS0123456789.,-+ \n", max_size=12))
def test_the_pattern_says_the_same(text: str) -> None:
    """An editor that holds a document against the JSON Schema refuses the same forms."""
    # JSON Schema reads patterns as ECMAScript does, where `$` is the end and nothing else.
    has_the_form = re.search(PATTERN.replace("$", r"\Z"), text) is not None
    try:
        parse_duration(text)
    except ValueError as refusal:
        assert str(refusal) == (TOO_LONG if has_the_form else FORM)  # noqa: PT017 - both may be
    else:
        assert has_the_form
