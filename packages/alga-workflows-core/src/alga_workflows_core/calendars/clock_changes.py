"""When the clocks of a zone are changed, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.wall import shown_at

_STEP = timedelta(hours=6)
_SECOND = timedelta(seconds=1)
_UNITS = (("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """At `moment`, in UTC, the clocks would have shown `before`, and show `after`."""

    moment: datetime
    before: datetime
    after: datetime

    @property
    def shift(self) -> timedelta:
        """How far they go forward; negative: back."""
        return self.after - self.before

    def __str__(self) -> str:
        """A sentence."""
        way = "forward" if self.shift > timedelta() else "back"
        to = _shown(self.after)
        if self.before.date() != self.after.date():
            to += f" on {self.after.date()}"
        by = _spoken(abs(self.shift))
        return f"At {_shown(self.before)} the clocks go {way} by {by} to {to}."


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[ClockChange]:
    """Those from `start` until right before `end`, in order.

    Two that undo each other within six hours are not found; no zone has had such.
    """
    found: list[ClockChange] = []
    # What is changed at `start` itself shows in the offset right before it.
    earlier = start.astimezone(UTC) - timedelta.resolution
    last = end.astimezone(UTC) - timedelta.resolution
    while earlier < last:
        later = min(earlier + _STEP, last)
        if _offset(earlier, zone) != _offset(later, zone):
            later = _first_changed(earlier, later, zone)
            before = later.replace(tzinfo=None) + _offset(later - _SECOND, zone)
            found.append(ClockChange(moment=later, before=before, after=shown_at(later, zone)))
        earlier = later
    return found


def _first_changed(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The first moment behind `earlier` that has not its offset; it is a whole second."""
    offset = _offset(earlier, zone)
    first = earlier.replace(microsecond=0)
    low, high = 0, (later - first) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(first + middle * _SECOND, zone) == offset:
            low = middle
        else:
            high = middle
    return first + high * _SECOND


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return shown_at(moment, zone) - moment.replace(tzinfo=None)


def _shown(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _spoken(length: timedelta) -> str:
    """As in "1 hour 30 minutes"."""
    left = length // _SECOND
    parts: list[str] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts)
