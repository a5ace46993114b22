"""How dates are written for people: patterns as in `DD.MM.YYYY HH:mm`.

    YYYY  MMMM MMM MM M  DD D  dddd ddd  HH H  hh h  mm  ss  SSS  A  Z

`hh` and `h` go from 1 to 12 and have `A` beside them, AM or PM; `Z` is an offset as +01:00. Names
of months and days are English. Other letters stand in [brackets].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TOKEN = re.compile(
    r"\[(?P<quoted>[^\[\]]*)\]"
    r"|(?P<token>YYYY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|ss|SSS|A|Z)"
    r"|(?P<literal>T|[^A-Za-z\[\]])"
)
_OFFSET = r"Z|[+-](?:0[0-9]|1[0-9]|2[0-3]):?[0-5][0-9]"

_READERS: Mapping[str, tuple[str, str]] = {
    "YYYY": ("year", r"[0-9]{4}"),
    "MMMM": ("month_name", "|".join(_MONTHS)),
    "MMM": ("month_name", "|".join(name[:3] for name in _MONTHS)),
    "MM": ("month", r"[0-9]{2}"),
    "M": ("month", r"[0-9]{1,2}"),
    "DD": ("day", r"[0-9]{2}"),
    "D": ("day", r"[0-9]{1,2}"),
    "HH": ("hour", r"[0-9]{2}"),
    "H": ("hour", r"[0-9]{1,2}"),
    "hh": ("half_hour", r"[0-9]{2}"),
    "h": ("half_hour", r"[0-9]{1,2}"),
    "mm": ("minute", r"[0-9]{2}"),
    "ss": ("second", r"[0-9]{2}"),
    "SSS": ("millisecond", r"[0-9]{3}"),
    "A": ("half", "AM|PM"),
    "Z": ("offset", _OFFSET),
}
"""Of each part that can be read: what it says, and the expression that finds it."""


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    is_token: bool


def written(wall: datetime, pattern: str) -> str:
    """`wall`, which has an offset, as `pattern` says. ValueError if that is none."""
    return "".join(
        _shown(wall, part.text) if part.is_token else part.text for part in _parts(pattern)
    )


def check_readable(pattern: str) -> None:
    """ValueError, with a sentence without its full stop, if no date is read by `pattern`."""
    _reader(pattern)


def read(text: str, pattern: str) -> datetime | None:
    """What `text` says, with an offset if it names one; None if it is not written like that.

    ValueError if `pattern` is none for reading.
    """
    found = _reader(pattern).fullmatch(text)
    if found is None:
        return None
    said = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        return datetime(
            int(said["year"]),
            _month(said),
            int(said["day"]),
            _hour(said),
            int(said.get("minute", 0)),
            int(said.get("second", 0)),
            int(said.get("millisecond", 0)) * 1000,
            tzinfo=offset(said["offset"]) if "offset" in said else None,
        )
    except ValueError:
        return None


def offset(text: str) -> timezone:
    """The offset that is written as Z, +01:00, +0100 or +01:05:20. ValueError past a day."""
    digits = re.sub("[^0-9]", "", text).ljust(6, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return timezone(-size if text.startswith("-") else size)


def _parts(pattern: str) -> list[_Part]:
    parts: list[_Part] = []
    end = 0
    while end < len(pattern):
        found = _TOKEN.match(pattern, end)
        if found is None:
            raise ValueError(
                "dates are written as in DD.MM.YYYY HH:mm; other letters stand in [brackets]"
            )
        literal = found["quoted"] or found["literal"] or ""
        parts.append(_Part(found["token"] or literal, found["token"] is not None))
        end = found.end()
    return parts


def _reader(pattern: str) -> re.Pattern[str]:
    names: list[str] = []
    expressions: list[str] = []
    for part in _parts(pattern):
        if not part.is_token:
            expressions.append(re.escape(part.text))
            continue
        if part.text not in _READERS:
            raise ValueError("names of days cannot be read, only written")
        name, expression = _READERS[part.text]
        if name in names:
            raise ValueError("each part of a date stands once in a pattern for reading")
        names.append(name)
        expressions.append(f"(?P<{name}>{expression})")
    has_month = ("month" in names) != ("month_name" in names)
    if not ({"year", "day"} <= set(names) and has_month):
        raise ValueError("a pattern for reading has a year, one month and a day")
    if ("half_hour" in names) != ("half" in names) or {"hour", "half_hour"} <= set(names):
        raise ValueError("a pattern has HH, or hh together with A")
    return re.compile("".join(expressions))


def _month(said: Mapping[str, str]) -> int:
    if "month" in said:
        return int(said["month"])
    return next(
        number for number, name in enumerate(_MONTHS, 1) if name.startswith(said["month_name"])
    )


def _hour(said: Mapping[str, str]) -> int:
    if "half_hour" not in said:
        return int(said.get("hour", 0))
    hour = int(said["half_hour"])
    if not 1 <= hour <= 12:
        raise ValueError("no hour of half a day")
    return hour % 12 + (12 if said["half"] == "PM" else 0)


def _shown(wall: datetime, token: str) -> str:
    shown = {
        "YYYY": f"{wall.year:04}",
        "MMMM": _MONTHS[wall.month - 1],
        "MMM": _MONTHS[wall.month - 1][:3],
        "dddd": _DAYS[wall.weekday()],
        "ddd": _DAYS[wall.weekday()][:3],
        "SSS": f"{wall.microsecond // 1000:03}",
        "A": "AM" if wall.hour < 12 else "PM",
        "Z": _written_offset(wall),
    }
    if token in shown:
        return shown[token]
    numbers = {
        "M": wall.month,
        "D": wall.day,
        "H": wall.hour,
        "h": (wall.hour - 1) % 12 + 1,
        "m": wall.minute,
        "s": wall.second,
    }
    return f"{numbers[token[0]]:0{len(token)}}"


def _written_offset(wall: datetime) -> str:
    minutes = (wall.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
