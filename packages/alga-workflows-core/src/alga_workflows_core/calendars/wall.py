"""Wall clocks: the moments at which the clocks of a zone show something."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def midnight(day: date) -> datetime:
    """What a wall clock shows when `day` begins."""
    return datetime.combine(day, time())


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks in `zone` show at a moment, without an offset."""
    return moment.astimezone(zone).replace(tzinfo=None)


def first_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which the clocks in `zone` show `wall` or later.

    So of a wall time that comes twice it is the first, and one that the clocks skip is the moment
    at which they are changed. A later wall time never gives an earlier moment.
    """
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if shown_at(found, zone) == wall:
        return found
    # In a gap, `fold` chooses the offset of before or after it: the change lies in between.
    earlier = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while found - earlier > timedelta.resolution:
        middle = earlier + (found - earlier) // 2
        if shown_at(middle, zone) >= wall:
            found = middle
        else:
            earlier = middle
    return found
