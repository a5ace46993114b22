"""When a duration is over, for somebody in a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.calendars.durations import Duration, after, parse_duration

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")

moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis wants it so
    max_value=datetime(2050, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P1D", "2030-03-30T12:00Z", "2030-03-31T11:00Z"),
        ("PT24H", "2030-03-30T12:00Z", "2030-03-31T12:00Z"),
        ("P1D", "2030-10-26T12:00Z", "2030-10-27T13:00Z"),
        ("P1W", "2030-10-26T12:00Z", "2030-11-02T13:00Z"),
        ("P1DT1H", "2030-03-30T12:00Z", "2030-03-31T12:00Z"),
        ("P1M", "2030-01-31T12:00Z", "2030-02-28T12:00Z"),
        ("P1M1D", "2030-01-31T12:00Z", "2030-03-01T12:00Z"),
        ("P1Y", "2028-02-29T12:00Z", "2029-02-28T12:00Z"),
        # 02:30 does not exist on 31 March: as if the clocks had not been changed.
        ("P1D", "2030-03-30T01:30Z", "2030-03-31T01:30Z"),
        # 02:30 comes twice on 27 October: the first one.
        ("P1D", "2030-10-26T00:30Z", "2030-10-27T00:30Z"),
        # From the second 02:30: a quarter is a quarter, and a day later it is 02:30.
        ("PT15M", "2030-10-27T01:30Z", "2030-10-27T01:45Z"),
        ("P1D", "2030-10-27T01:30Z", "2030-10-28T01:30Z"),
    ],
)
def test_in_vienna(text: str, start: str, end: str) -> None:
    """Months, then days by the clock on the wall, then exact time."""
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert after(parse_duration(text), begins, "Europe/Vienna") == ends


@given(moment=moments, zone=st.sampled_from(ZONES), seconds=st.integers(0, 10**8))
def test_exact_time_is_exact(moment: datetime, zone: str, seconds: int) -> None:
    """Whatever the clocks on the wall do meanwhile."""
    exact = timedelta(seconds=seconds)
    found = after(Duration(exact=exact), moment, zone)
    assert found == moment + exact
    assert found.utcoffset() == timedelta()


@given(moment=moments, zone=st.sampled_from(ZONES), days=st.integers(0, 400))
def test_days_are_near_24_hours_each(moment: datetime, zone: str, days: int) -> None:
    """They differ by what the clocks have been changed in between, an hour or so."""
    found = after(Duration(days=days), moment, zone)
    assert abs(found - moment - timedelta(days=days)) <= timedelta(hours=1)
