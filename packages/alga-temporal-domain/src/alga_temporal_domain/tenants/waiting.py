"""When a tenant is deleted, and when it is reminded of that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

REMINDERS = (30, 7, 1)
"""Days before the deletion."""

CONFIRMED_DAYS = {"immediate": 0, "30_days": 30, "90_days": 90}

_DAY = timedelta(days=1)


def next_moment(due: datetime, reminded: Sequence[int]) -> datetime:
    """When there is something to do: a reminder, or the deletion."""
    coming = [due - days * _DAY for days in REMINDERS if days not in reminded]
    return min([*coming, due])


def reminder_due(now: datetime, due: datetime, reminded: Sequence[int]) -> int | None:
    """The reminder to send, if any; of several that are late, the last one is enough."""
    late = [days for days in REMINDERS if days not in reminded and now >= due - days * _DAY]
    return min(late, default=None)


def passed_by(days: int) -> tuple[int, ...]:
    """The reminders that there is no need for once this one was sent."""
    return tuple(each for each in REMINDERS if each >= days)


def not_before(now: datetime, due: datetime, days: int) -> datetime:
    """The date of a deletion whose last reminder goes out now: never less than a day from now, so
    that nobody is reminded and deleted in the same hour."""
    return max(due, now + _DAY) if days == min(REMINDERS) else due
