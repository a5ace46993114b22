"""The arithmetic of one clock: open time spent, and when a percent of its target is reached.

A clock's life is a row of running and paused segments. Of those behind it only the sum is kept,
which is exact: open time of adjoining segments adds up to that of both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from alga_temporal_domain.sla.contracts import BREACH, ClockState, Phase
from alga_workflows_core.calendars.business import Calendar, OpenTimeError
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.types.json import JsonObject


class Hours:
    """Open time by a calendar document, or all time without one."""

    def __init__(self, document: JsonObject | None) -> None:
        text = None if document is None else json.dumps(document, sort_keys=True)
        self._calendar = None if text is None else _parsed(text)

    def between(self, clock: ClockState, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` until `end`, which is none if that is before it."""
        if end <= start:
            return timedelta()
        calendar = self._of(clock)
        return end - start if calendar is None else calendar.elapsed(start, end)

    def after(self, clock: ClockState, start: datetime, span: timedelta) -> datetime | None:
        """When so much open time has passed; None if there is not so much in twenty years."""
        calendar = self._of(clock)
        try:
            return start + span if calendar is None else calendar.add(start, span)
        except (OpenTimeError, OverflowError):
            return None

    def _of(self, clock: ClockState) -> Calendar | None:
        return None if clock.round_the_clock else self._calendar


@lru_cache(maxsize=64)
def _parsed(text: str) -> Calendar:
    return parse_calendar(json.loads(text))


def need(clock: ClockState, percent: int) -> timedelta:
    """The open time at which `percent` is reached, rounded up to a microsecond."""
    return -(-clock.target * percent // 100)


def elapsed(clock: ClockState, hours: Hours, now: datetime) -> timedelta:
    """Open time in which it has run until `now`."""
    if clock.phase is not Phase.RUNNING:
        return clock.spent
    return clock.spent + hours.between(clock, clock.at, now)


def settled(clock: ClockState, hours: Hours, at: datetime) -> ClockState:
    """The same clock, its time until `at` counted."""
    return clock.model_copy(update={"spent": elapsed(clock, hours, at), "at": at})


def marks(clock: ClockState) -> list[int]:
    """The percents at which something happens, in order."""
    found = {BREACH, *clock.thresholds, *(each.percent for each in clock.escalations)}
    return sorted(found)


def next_mark(clock: ClockState) -> int | None:
    """The first that has not happened."""
    return next((mark for mark in marks(clock) if mark not in clock.fired), None)


def due(clock: ClockState, hours: Hours, percent: int) -> datetime | None:
    """When `percent` is reached; what is reached already is due where the clock was last changed.

    None if it stands still, or never opens for so long.
    """
    if not clock.is_open:
        return None
    left = need(clock, percent) - clock.spent
    if left <= timedelta():
        return clock.at
    return hours.after(clock, clock.at, left) if clock.phase is Phase.RUNNING else None


def retargeted(clock: ClockState, change: Callable[[ClockState], ClockState]) -> ClockState:
    """A settled clock with another target. What the new one has not reached will be told again;
    what it has reached and was told is not."""
    other = change(clock)
    fired = tuple(
        mark for mark in marks(other) if mark in clock.fired and need(other, mark) <= clock.spent
    )
    return other.model_copy(
        update={
            "fired": fired,
            "targets": clock.targets + 1,
            "breached_at": clock.breached_at if BREACH in fired else None,
        }
    )
