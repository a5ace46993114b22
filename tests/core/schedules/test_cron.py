"""Cron expressions: what they name, and what is none."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.schedules.cron import CronError, parse_cron
from tests.core.schedules.judge import MONTHS, WEEKDAYS, fits

ALL_DAY = timedelta(days=1)


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    """One part of a list in a field."""

    def shown(number: int) -> str:
        named = names and draw(st.booleans())
        return names[number - low] if named and number - low < len(names) else str(number)

    kind = draw(st.sampled_from(["number", "range", "stepped", "star", "stepped star"]))
    if kind == "star":
        return "*"
    if kind == "stepped star":
        return f"*/{draw(st.integers(1, high - low))}"
    begin = draw(st.integers(low, high - 1))
    if kind == "number":
        return shown(begin)
    end = draw(st.integers(begin + 1, high))
    step = f"/{draw(st.integers(1, end - begin))}" if kind == "stepped" else ""
    return f"{shown(begin)}-{shown(end)}{step}"


def fields(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """A list of parts."""
    return st.lists(items(low, high, names), min_size=1, max_size=3).map(",".join)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Any expression of which some date fits."""
    return " ".join(
        [
            draw(fields(0, 59)),
            draw(st.one_of(st.just("*"), fields(0, 23))),
            draw(st.one_of(st.just("*"), fields(1, 28))),
            draw(st.one_of(st.just("*"), fields(1, 12, tuple(MONTHS)))),
            draw(st.one_of(st.just("*"), fields(0, 6, tuple(WEEKDAYS)))),
        ]
    )


@settings(max_examples=300, deadline=None)
@given(expressions(), st.integers(0, 6 * 366 * 24 * 60))
def test_an_expression_names_what_a_slow_reading_of_it_names(expression: str, minutes: int) -> None:
    """Minutes, hours and the rule of day and weekday, at any time."""
    cron = parse_cron(expression)
    wall = datetime.fromisoformat("2026-01-01") + timedelta(minutes=minutes)
    named = wall.minute in cron.minutes and wall.hour in cron.hours and cron.fits(wall.date())
    assert named == fits(expression, wall)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 13 * FRI", {4, 11, 13, 18, 25}),
        ("0 0 13 * *", {13}),
        ("0 0 * * FRI", {4, 11, 18, 25}),
        ("0 0 */2 * FRI", {11, 25}),
        ("0 0 1-7 * */6", {5, 6}),
        ("0 0 * * FRI-SUN", {4, 5, 6, 11, 12, 13, 18, 19, 20, 25, 26, 27}),
        ("0 0 * * 7", {6, 13, 20, 27}),
        ("0 0 * * 0", {6, 13, 20, 27}),
        ("0 0 * dec SuN", {6, 13, 20, 27}),
    ],
)
def test_day_and_weekday_are_alternatives_only_if_both_are_restricted(
    expression: str, days: set[int]
) -> None:
    """As crontab(5) has it; a field that begins with `*` restricts nothing in this sense."""
    cron = parse_cron(expression)
    first = date(2026, 12, 1)
    december = [first + number * ALL_DAY for number in range(31)]
    assert {day.day for day in december if cron.fits(day)} == days


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "has five fields"),
        ("* * * *", "has five fields"),
        ("0 * * * * *", "has five fields"),
        ("@daily", "has five fields"),
        ("60 * * * *", "minute holds '60', which is not within 0 and 59"),
        ("* 24 * * *", "hour holds '24', which is not within 0 and 23"),
        ("* * 0 * *", "day of the month holds '0', which is not within 1 and 31"),
        ("* * * 13 *", "month holds '13', which is not within 1 and 12"),
        ("* * * * 8", "weekday holds '8', which is not within 0 and 7"),
        ("* * * * MO", "weekday holds 'MO', which is no weekday"),
        ("* * * MON *", "month holds 'MON', which is no month"),
        ("* * L * *", "which is no day of the month"),
        ("* * 15W * *", "which is no day of the month"),
        ("* * * * 5#3", "which is no weekday"),
        ("? * * * *", "which is no minute"),
        ("1,,2 * * * *", "which is no minute"),
        ("-1 * * * *", "which is no minute"),
        ("٣ * * * *", "which is no minute"),
        ("5-1 * * * *", "is a range that ends before it begins"),
        ("* * * * FRI-MON", "is a range that ends before it begins"),
        ("5/15 * * * *", "has a step but no range; write 5-59/15"),
        ("*/0 * * * *", "has a step that leads out of its range"),
        ("*/60 * * * *", "has a step that leads out of its range"),
        ("0-10/11 * * * *", "has a step that leads out of its range"),
        ("0 0 30 2 *", "No month that it names has a day that it names"),
        ("0 0 31 FEB,APR,JUN *", "No month that it names has a day that it names"),
        (f"{'0,' * 100}0 * * * *", "has five fields"),
    ],
)
def test_what_is_no_expression_is_said_in_words(expression: str, sentence: str) -> None:
    """A number out of its range, a name of another field, an extension of others, no date."""
    with pytest.raises(CronError) as refused:
        parse_cron(expression)
    assert sentence in str(refused.value)
    assert not str(refused.value).endswith(".")


def test_a_leap_day_and_an_alternative_weekday_are_possible() -> None:
    """What comes once in four years comes; the 30th of February or a Monday is a Monday."""
    assert parse_cron("0 0 29 2 *").fits(date(2028, 2, 29))
    assert parse_cron("0 0 30 2 MON").fits(date(2027, 2, 1))
