"""Durations as ISO 8601 writes them: `P30D`, `PT1H30M`, `P1M`."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

PATTERN = (
    r"^P(?=[0-9]|T[0-9])(?:([0-9]{1,12})Y)?(?:([0-9]{1,12})M)?(?:([0-9]{1,12})W)?"
    r"(?:([0-9]{1,12})D)?(?:T(?=[0-9])(?:([0-9]{1,12})H)?(?:([0-9]{1,12})M)?"
    r"(?:([0-9]{1,12})(?:[.,]([0-9]{1,6}))?S)?)?$"
)
"""The regular expression of a duration; JSON Schemas may hold it too."""

LONGEST_DAYS = 36_600
"""No duration is longer than a hundred years, these counted as 366 days and other months as 31."""

LONGEST_MS = LONGEST_DAYS * 24 * 3600 * 1000
"""The same in milliseconds."""

_PATTERN = re.compile(PATTERN)
_LONGEST = timedelta(days=LONGEST_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """`months` are calendar months, whose length depends on when they begin; `days` are calendar
    days (a day with a change of clocks counts as one); `exact` is time as a clock measures it.
    """

    months: int = 0
    days: int = 0
    exact: timedelta = timedelta()

    @property
    def is_zero(self) -> bool:
        """Whether it takes no time at all."""
        return not (self.months or self.days or self.exact)

    @property
    def at_most(self) -> timedelta:
        """A length that it never exceeds, whenever it begins, changes of clocks left aside."""
        years, months = divmod(self.months, 12)
        return timedelta(days=years * 366 + months * 31 + self.days) + self.exact


def parse_duration(text: str) -> Duration:
    """The duration that `text` is.

    ValueError, whose message is a sentence without its full stop, if it is none or is longer than
    a hundred years. A fraction is for seconds only, and a sign is not allowed.
    """
    # Not `match`: there `$` also stands in front of a newline at the end.
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("a duration is written as in P30D, PT1H30M or P1M")
    try:
        duration = _duration(match.groups("0"))
        if duration.at_most <= _LONGEST:
            return duration
    except OverflowError:
        pass
    raise ValueError("a duration is a hundred years at most")


def _duration(digits: Sequence[str]) -> Duration:
    """OverflowError if a part is longer than a timedelta can be."""
    years, months, weeks, days, hours, minutes, seconds = map(int, digits[:7])
    return Duration(
        months=years * 12 + months,
        days=weeks * 7 + days,
        exact=timedelta(
            hours=hours,
            minutes=minutes,
            seconds=seconds,
            microseconds=int(digits[7].ljust(6, "0")),
        ),
    )


def after(duration: Duration, moment: datetime, zone: str) -> datetime:
    """The time, in UTC, that lies `duration` after `moment` for somebody in `zone`.

    Months first (the 31st becomes the last day of a shorter month), then days, both by the clock on
    the wall; then exact time. A wall time that the clocks skip is read as if they had not been
    changed; of one that comes twice it is the first.
    """
    if not (duration.months or duration.days):
        # No way over the wall clock, on which an hour that comes twice would lose its place.
        return moment.astimezone(UTC) + duration.exact
    local = moment.astimezone(ZoneInfo(zone))
    months = local.year * 12 + local.month - 1 + duration.months
    year, month = divmod(months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    wall = local.replace(year=year, month=month + 1, day=day) + timedelta(days=duration.days)
    return wall.astimezone(UTC) + duration.exact
