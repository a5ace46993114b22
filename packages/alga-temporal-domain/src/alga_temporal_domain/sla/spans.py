"""Lengths and moments as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer

from alga_workflows_core.calendars.durations import parse_duration

_SECOND = timedelta(seconds=1)


def read_span(text: str) -> timedelta:
    """The exact length that `PT48H` or `PT90M` is. ValueError for days: a day has 24 hours, or as
    many as it is open; nobody can tell."""
    duration = parse_duration(text)
    if duration.months or duration.days:
        raise ValueError("a length of open time is written in hours, as in PT48H")
    return duration.exact


def write_span(span: timedelta) -> str:
    """`span`, which is not negative, in the form that `read_span` takes."""
    seconds, rest = divmod(span, _SECOND)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    text = f"{hours}H" if hours else ""
    text += f"{minutes}M" if minutes else ""
    fraction = f".{rest.microseconds:06}".rstrip("0") if rest else ""
    if seconds or fraction or not text:
        text += f"{seconds}{fraction}S"
    return f"PT{text}"


def _span(value: Any) -> Any:
    return read_span(value) if isinstance(value, str) else value


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("It has to be a time as in 2026-11-22T12:00:00Z") from None


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Span = Annotated[
    timedelta,
    BeforeValidator(_span, json_schema_input_type=str),
    PlainSerializer(write_span, return_type=str, when_used="json"),
    Field(examples=["PT8H"]),
]
"""A length of time, in JSON `PT8H`."""

Moment = Annotated[
    AwareDatetime, BeforeValidator(_moment, json_schema_input_type=str), PlainSerializer(_utc)
]
"""A moment, in JSON RFC 3339 with its offset."""
