"""An item as people see it at a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from alga_temporal_domain.sla.clock import Hours, due, elapsed, next_mark
from alga_temporal_domain.sla.contracts import (
    BREACH,
    ClockState,
    ClockView,
    ItemState,
    ItemView,
    Phase,
)
from alga_temporal_domain.sla.machine import next_due


def item_view(state: ItemState, now: datetime) -> ItemView:
    """`state` at `now`, which all that was due until then has been done to."""
    hours = Hours(state.calendar)
    following = next_due(state)
    return ItemView(
        item=state.item,
        is_open=state.is_open,
        as_of=now,
        started_at=state.started_at,
        changed_at=state.changed_at,
        level=state.level,
        sequence=state.sequence,
        calendar=state.calendar,
        clocks=tuple(_clock_view(clock, hours, now) for clock in state.clocks),
        next_due=None if following is None else following.at,
    )


def _clock_view(clock: ClockState, hours: Hours, now: datetime) -> ClockView:
    passed = elapsed(clock, hours, now)
    percent = next_mark(clock) if clock.is_open else None
    waits = BREACH not in clock.fired
    return ClockView(
        name=clock.name,
        phase=clock.phase,
        target=clock.target,
        elapsed=passed,
        remaining=max(clock.target - passed, timedelta()),
        percent=round(passed / clock.target * 100, 2),
        deadline=due(clock, hours, BREACH) if waits else None,
        next_percent=percent,
        next_due=None if percent is None else due(clock, hours, percent),
        pause=clock.pause,
        paused_for=clock.paused_for,
        fired=clock.fired,
        breached_at=clock.breached_at,
        ended_at=clock.ended_at,
        met=BREACH not in clock.fired if clock.phase is Phase.COMPLETED else None,
    )
