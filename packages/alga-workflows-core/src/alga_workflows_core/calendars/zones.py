"""Names of time zones."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST = 80


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether `name` is that of a time zone, as in Europe/Vienna."""
    if len(name) > LONGEST:
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        # A folder of zones (`Europe`) or a path that leads elsewhere.
        return False
    return True
