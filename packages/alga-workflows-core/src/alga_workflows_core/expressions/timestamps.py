"""Time in expressions: the run's clock for `$now`, `$millis`, `$nowIso` and `$toMillis`.

The engine's own `$toMillis` completes a picture without a date, as in `[H01]:[m01]`, from the
machine's clock. Here the missing parts are written into picture and text first.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from alga_workflows_core.expressions import errors
from alga_workflows_core.expressions.errors import ExpressionError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# `[[` is a bracket; `[ Y0001 ]` is a component, named by its first letter.
_COMPONENT = re.compile(r"\[\[|\[\s*(\S)[^\]]*\]")

# From large to small: the parts that the clock may have to give, by the letter of their component.
_BY_MONTH = "YMDHms"
_BY_DAY_OF_YEAR = "YdHms"
_HOUR_LETTERS = frozenset("hP")
_WEEK_LETTERS = frozenset("XxWw")
_WRITTEN = {
    "Y": ("[Y0001]", "{:%Y}"),
    "M": ("[M01]", "{:%m}"),
    "D": ("[D01]", "{:%d}"),
    "H": ("[H01]", "{:%H}"),
    "m": ("[m01]", "{:%M}"),
    "s": ("[s01]", "{:%S}"),
}


def iso(moment: datetime) -> str:
    """`moment` as `2026-03-01T12:00:00.000Z`, cut to milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, in UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def dated(text: str, picture: str, now: datetime, *, expression: str) -> tuple[str, str]:
    """`text` and `picture`, completed from `now` by the parts larger than the picture's largest.

    Raises ExpressionError if the picture names no part of a date or time, or a week without a year.
    """
    letters = {match[1] for match in _COMPONENT.finditer(picture) if match[1]}
    if letters & _HOUR_LETTERS:
        letters.add("H")
    parts = (_BY_DAY_OF_YEAR if "d" in letters else _BY_MONTH) + "f"
    largest = next((index for index, part in enumerate(parts) if part in letters), None)
    if largest == 0:
        return text, picture
    if largest is None or letters & _WEEK_LETTERS:
        raise ExpressionError(
            f"$toMillis cannot tell a time from the picture {errors.shortened(picture, 100)!r}.",
            code=errors.FAILED,
            expression=expression,
            remedy="Name the year, the month and the day in the picture, as in [Y]-[M]-[D].",
        )
    pictures, formats = zip(*(_WRITTEN[part] for part in parts[:largest]), strict=True)
    prefix = "-".join(formats).format(*[now] * largest)
    return f"{prefix} {text}", f"{'-'.join(pictures)} {picture}"
