"""When reminders are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alga_temporal_domain.tenants.waiting import (
    REMINDERS,
    next_moment,
    not_before,
    passed_by,
    reminder_due,
)

DUE = datetime(2030, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_each_in_its_turn() -> None:
    """30, 7 and 1 days before; then the deletion."""
    reminded: tuple[int, ...] = ()
    seen: list[timedelta] = []
    for _ in range(4):
        moment = next_moment(DUE, reminded)
        seen.append(DUE - moment)
        days = reminder_due(moment, DUE, reminded)
        reminded = reminded if days is None else passed_by(days)
    assert seen == [30 * DAY, 7 * DAY, DAY, 0 * DAY]
    assert reminded == REMINDERS


def test_late_ones_are_one() -> None:
    """Who comes back after a month sends the last of them, and leaves a day for an answer."""
    late = DUE + 9 * DAY
    assert reminder_due(late, DUE, ()) == 1
    assert passed_by(1) == REMINDERS
    assert not_before(late, DUE, 1) == late + DAY
    assert not_before(DUE - 3 * DAY, DUE, 7) == DUE
    assert reminder_due(DUE - 31 * DAY, DUE, ()) is None
