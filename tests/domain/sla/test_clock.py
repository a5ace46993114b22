"""Clocks without Temporal: what is told, when, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_temporal_domain.sla.clock import Hours, elapsed
from alga_temporal_domain.sla.contracts import BREACH, Command, Fact, ItemState, Phase
from alga_temporal_domain.sla.machine import advance, apply, next_due, start
from alga_temporal_domain.sla.refusals import ChangeRefusedError
from alga_temporal_domain.sla.views import item_view
from tests.domain.sla.items import (
    HOUR,
    MINUTE,
    MONDAY,
    OFFICE,
    begun,
    cancel,
    change_calendar,
    complete,
    escalating,
    new_item,
    pause,
    played,
    reached,
    resume,
    retarget,
    spec,
    start_clocks,
    told,
)
from tests.domain.sla.model import Model

DAY = timedelta(days=1)
SHIFTS = {
    "zone": "America/New_York",
    "weekly": {
        "monday": ["06:00-12:00", "13:00-15:00", "22:00-06:00"],
        "tuesday": ["22:00-06:00"],
        "wednesday": ["00:00-24:00"],
        "saturday": ["20:00-04:00"],
    },
    "holidays": [{"date": "12-25"}, {"date": "2026-07-06"}],
    "exceptions": [{"date": "2026-10-31", "hours": ["18:00-05:00"]}],
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_thresholds_are_told_once_in_their_order_at_their_moments() -> None:
    """However seldom somebody looks."""
    state = begun()
    outcome = advance(state, MONDAY + 10 * HOUR)
    assert told(outcome.facts) == [
        ("threshold_reached", 50),
        ("threshold_reached", 75),
        ("threshold_reached", 90),
        ("threshold_reached", 100),
        ("breached", None),
    ]
    assert [fact.at - MONDAY for fact in outcome.facts] == [
        part * MINUTE for part in (30, 45, 54, 60, 60)
    ]
    assert [fact.seq for fact in outcome.facts] == [3, 4, 5, 6, 7]
    assert advance(outcome.state, MONDAY + 1000 * HOUR).facts == ()
    assert outcome.state.clocks[0].breached_at == MONDAY + HOUR


@given(st.lists(st.integers(0, 4000), max_size=12))
@settings(deadline=None, max_examples=40)
def test_looking_more_often_changes_nothing(looks: list[int]) -> None:
    """The same facts come out of one look and of many."""
    state = begun(spec(target=5 * HOUR), spec("resolution", 20 * HOUR), calendar=OFFICE)
    once = advance(state, MONDAY + 4000 * MINUTE)
    facts: list[Fact] = []
    for each in sorted(looks):
        outcome = advance(state, MONDAY + each * MINUTE)
        state, facts = outcome.state, [*facts, *outcome.facts]
    last = advance(state, MONDAY + 4000 * MINUTE)
    assert (*facts, *last.facts) == once.facts
    assert last.state == once.state


@pytest.mark.parametrize("late", [timedelta(), MINUTE, 5 * HOUR])
def test_a_pause_does_not_lose_a_threshold(late: timedelta) -> None:
    """A pause at the very moment of a breach, or that was asked for before anybody had seen it."""
    at = MONDAY + HOUR
    outcome = played(begun(), [pause(at)], at + late)
    assert [kind for kind, _ in told(outcome.facts)][-3:] == [
        "threshold_reached",
        "breached",
        "paused",
    ]
    assert reached(outcome.facts)[-1] == (BREACH, at)


def test_a_pause_before_a_threshold_puts_it_off() -> None:
    """By as much open time as it took, not by time on the wall."""
    friday = moment("2026-03-27T15:30:00")
    state = begun(spec(target=HOUR), at=friday, calendar=OFFICE)
    assert (found := next_due(state)) is not None
    assert found.at == friday + 30 * MINUTE, "closing time"
    paused = apply(state, pause(friday + 10 * MINUTE), friday + 10 * MINUTE).state
    assert next_due(paused) is None
    monday = moment("2026-03-30T06:30:00")
    running = apply(paused, resume(monday), monday).state
    assert (found := next_due(running)) is not None
    assert found.at == monday + 20 * MINUTE
    assert item_view(running, monday).clocks[0].elapsed == 10 * MINUTE


def test_a_clock_that_is_paused_and_resumed_500_times_in_a_year_ends_with_the_models_minute() -> (
    None
):
    """Over shifts at night, holidays and both changes of the clocks, to the minute."""
    chance = Random(9)  # noqa: S311 - the same each time
    begin = moment("2026-01-05T00:00:00")
    end = begin + 364 * DAY
    moments = sorted(chance.sample(range(1, 364 * 1440), 1000))
    pauses = [
        (begin + first * MINUTE, begin + last * MINUTE)
        for first, last in zip(moments[::2], moments[1::2], strict=True)
    ]
    target = 1000 * 60
    percents = (10, 50, 75, 90, 100, 120)
    model = Model(SHIFTS, begin, 370, target, percents)
    model.run(pauses, end)

    clock = spec("resolution", target * MINUTE, thresholds=percents)
    commands = [make(at) for pair in pauses for make, at in zip((pause, resume), pair, strict=True)]
    outcome = played(begun(clock, at=begin, calendar=SHIFTS), [*commands, complete(end)], end)
    (ended,) = outcome.state.clocks
    assert ended.spent == model.minutes * MINUTE
    assert dict(reached(outcome.facts, "resolution")) == model.reached
    assert len(model.reached) >= 4
    assert ended.paused_for == sum((last - first for first, last in pauses), timedelta())
    moments_told = [fact.at for fact in outcome.facts]
    assert moments_told == sorted(moments_told)


@given(st.data())
@settings(deadline=None, max_examples=15)
def test_it_agrees_with_the_model(data: st.DataObject) -> None:
    """Any pauses around a change of the clocks, by a calendar with shifts at night."""
    begin = data.draw(
        st.sampled_from([moment("2026-03-05T00:00:00"), moment("2026-10-29T00:00:00")])
    )
    marks = data.draw(st.lists(st.integers(1, 6 * 1440), unique=True, max_size=8).map(sorted))
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    pauses = [(begin + first * MINUTE, begin + last * MINUTE) for first, last in pairs]
    target = data.draw(st.integers(1, 2000))
    model = Model(SHIFTS, begin, 10, target, (33, 50, 100))
    end = begin + 7 * DAY
    model.run(pauses, end)
    commands = [make(at) for pair in pauses for make, at in zip((pause, resume), pair, strict=True)]
    clock = spec(target=target * MINUTE, thresholds=(50, 33))
    outcome = played(begun(clock, at=begin, calendar=SHIFTS), commands, end)
    found = outcome.state.clocks[0]
    assert elapsed(found, Hours(SHIFTS), end) == model.minutes * MINUTE
    # The model sees whole minutes alone.
    seen = {percent: -(-(at - begin) // MINUTE) for percent, at in reached(outcome.facts)}
    assert seen == {percent: (at - begin) // MINUTE for percent, at in model.reached.items()}


def test_another_target_in_the_past_tells_at_once_what_it_has_reached() -> None:
    """In order, as of the moment of the change, also while the clock stands still."""
    for stands in (False, True):
        at = MONDAY + 40 * MINUTE
        commands = [pause(at), retarget(at, 30 * MINUTE)] if stands else [retarget(at, 30 * MINUTE)]
        outcome = played(begun(), commands, at)
        assert reached(outcome.facts) == [
            (50, MONDAY + 30 * MINUTE),
            (75, at),
            (90, at),
            (100, at),
        ]
        assert outcome.state.clocks[0].breached_at == at


def test_another_target_in_the_future_tells_again_what_it_has_not_reached() -> None:
    """And not what it has. A breach of the former target is over."""
    at = MONDAY + 2 * HOUR
    outcome = played(begun(), [retarget(at, 4 * HOUR)], at)
    assert outcome.state.clocks[0].breached_at is None
    assert outcome.state.clocks[0].fired == (50,)
    more = advance(outcome.state, MONDAY + 4 * HOUR)
    assert reached(more.facts) == [
        (75, MONDAY + 3 * HOUR),
        (90, MONDAY + 3.6 * HOUR),
        (100, MONDAY + 4 * HOUR),
    ]


def test_levels_never_go_down() -> None:
    """Neither by another clock's lower level nor by another target."""
    first = spec(escalations=escalating((50, 1), (100, 3)))
    second = spec("resolution", 2 * HOUR, escalations=escalating((75, 2), (150, 4)))
    later = MONDAY + 2 * HOUR
    outcome = played(begun(first, second), [retarget(later, 8 * HOUR)], MONDAY + 24 * HOUR)
    levels = [fact.data["level"] for fact in outcome.facts if fact.kind == "escalated"]
    assert levels == [1, 3, 4]
    assert outcome.state.level == 4


def test_another_calendar_counts_from_its_moment_on() -> None:
    """What has passed stays as it was counted."""
    friday = moment("2026-03-27T15:00:00")
    state = begun(spec(target=4 * HOUR), at=friday, calendar=OFFICE)
    saturday = moment("2026-03-28T12:00:00")
    outcome = played(state, [change_calendar(saturday, None)], saturday + 5 * HOUR)
    assert reached(outcome.facts)[-1] == (100, saturday + 3 * HOUR)
    assert outcome.state.calendar is None


def test_what_has_ended_may_begin_again() -> None:
    """A clock for the next update is completed and started as often as there are updates."""
    state = begun(spec("update"))
    for number in range(1, 4):
        at = MONDAY + number * HOUR - 10 * MINUTE
        state = apply(state, complete(at, "update"), at).state
        assert not state.is_open
        state = apply(state, start_clocks(at, spec("update")), at).state
        assert item_view(state, at).clocks[0].elapsed == timedelta()
    assert state.clocks[0].breached_at is None


@pytest.mark.parametrize(
    ("commands", "code", "says"),
    [
        ([pause(MONDAY), pause(MONDAY)], "SLA_NOT_RUNNING", "paused since"),
        ([resume(MONDAY)], "SLA_NOT_PAUSED", "response is running"),
        ([complete(MONDAY), pause(MONDAY)], "SLA_NOT_RUNNING", "completed"),
        ([cancel(MONDAY), complete(MONDAY)], "SLA_ENDED", "cancelled"),
        ([pause(MONDAY, "other")], "SLA_CLOCK_UNKNOWN", "'other'"),
        ([start_clocks(MONDAY, spec())], "SLA_CLOCK_OPEN", "running"),
        ([pause(MONDAY + HOUR), resume(MONDAY)], "SLA_AT_TOO_EARLY", "later than"),
        ([change_calendar(MONDAY, {"zone": "Europe/Vienna"})], "SLA_NEVER_DUE", "'response'"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("SLA") else "",
)
def test_what_does_not_fit_is_refused(commands: list[Command], code: str, says: str) -> None:
    """With the state that does not allow it, and without a trace."""
    with pytest.raises(ChangeRefusedError) as refusal:
        played(begun(), commands, MONDAY)
    assert refusal.value.code == code
    assert says in refusal.value.message


def test_a_command_changes_once() -> None:
    """Also when it comes again much later; another one with its id is refused."""
    first = pause(MONDAY + MINUTE).model_copy(update={"id": "one"})
    state = apply(begun(), first, MONDAY + MINUTE).state
    state = apply(state, resume(MONDAY + HOUR), MONDAY + HOUR).state
    assert apply(state, first, MONDAY + 2 * HOUR).state == state
    other = first.model_copy(update={"change": resume(MONDAY).change})
    with pytest.raises(ChangeRefusedError, match="Idempotency-Key"):
        apply(state, other, MONDAY + 2 * HOUR)


def test_an_item_that_began_long_ago_is_late_at_once() -> None:
    """It counts since its start, not since somebody told us of it."""
    begin = start(new_item(), "test")
    assert [fact.kind for fact in begin.facts] == ["started", "clock_started"]
    assert reached(advance(begin.state, MONDAY + 46 * MINUTE).facts) == [
        (50, MONDAY + 30 * MINUTE),
        (75, MONDAY + 45 * MINUTE),
    ]


def test_a_state_survives_the_way_over_json() -> None:
    """To the microsecond, in the middle of a pause."""
    odd = MONDAY + timedelta(minutes=7, microseconds=1234567)
    outcome = played(
        begun(spec(target=timedelta(hours=30, microseconds=1)), calendar=OFFICE), [pause(odd)], odd
    )
    text = outcome.state.model_dump_json(by_alias=True)
    assert ItemState.model_validate_json(text) == outcome.state
    assert outcome.state.clocks[0].phase is Phase.PAUSED
