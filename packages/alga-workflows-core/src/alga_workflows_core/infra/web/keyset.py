"""Keyset pages: `?after=` is an opaque cursor, `next` of a page leads to the one behind it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Query

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.identifiers import DEFINITION_ID, EVENT_NAME
from alga_workflows_core.types.model import Model

R = TypeVar("R")
T = TypeVar("T")

KeyPart: TypeAlias = str | int | datetime | UUID
"""What rows are ordered by; with the others it names one row."""

After: TypeAlias = Annotated[str | None, Query(description="`next` of the page before.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=500, description="Items of a page.")]
DEFAULT_LIMIT = 50

_LARGEST_INTEGER = 2**31 - 1
_LARGEST_BIGINT = 2**63 - 1


class Page(Model, Generic[T]):
    """Some items; `next` is null on the last page."""

    items: Sequence[T]
    next: str | None


def page_of(
    rows: Sequence[R], limit: int, view: Callable[[R], T], key: Callable[[R], tuple[KeyPart, ...]]
) -> Page[T]:
    """The first `limit` of `rows`, which are one more if there is another page. `key`: what they
    are ordered by."""
    return Page(
        items=[view(row) for row in rows[:limit]],
        next=encode(*key(rows[limit - 1])) if len(rows) > limit else None,
    )


def encode(*key: KeyPart) -> str:
    """The cursor that stands for `key`, no text of which holds a unit separator."""
    texts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in key]
    return base64.urlsafe_b64encode("\x1f".join(texts).encode()).decode().rstrip("=")


def decode_id(cursor: str | None) -> str | None:
    """The definition's id that `encode` was given, None without; InputError for anything else."""
    found = _decode(cursor, 1)
    if found is None:
        return None
    if not re.fullmatch(DEFINITION_ID, found[0]):
        raise _bad_cursor()
    return found[0]


def decode_event_name(cursor: str | None) -> str | None:
    """The event's name that `encode` was given, None without; InputError for anything else."""
    found = _decode(cursor, 1)
    if found is None:
        return None
    if not re.fullmatch(EVENT_NAME, found[0]):
        raise _bad_cursor()
    return found[0]


def decode_time_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The time and id that `encode` was given, None without; InputError for anything else."""
    found = _decode(cursor, 2)
    if found is None:
        return None
    try:
        return _moment(found[0]), UUID(found[1])
    except ValueError as error:
        raise _bad_cursor() from error


def decode_time_and_key(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and text that `encode` was given, None without; InputError for anything else."""
    found = _decode(cursor, 2)
    if found is None:
        return None
    if "\x00" in found[1]:
        raise _bad_cursor()
    return _moment(found[0]), found[1]


def decode_number(cursor: str | None) -> int | None:
    """The number that `encode` was given, None without a cursor; InputError for anything else."""
    found = _decode(cursor, 1)
    return None if found is None else _number(found[0], _LARGEST_INTEGER)


def decode_numbers(cursor: str | None) -> tuple[int, int] | None:
    """The two numbers that `encode` was given, None without; InputError for anything else."""
    found = _decode(cursor, 2)
    if found is None:
        return None
    return _number(found[0], _LARGEST_INTEGER), _number(found[1], _LARGEST_BIGINT)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad_cursor() from error
    if moment.tzinfo is None:
        raise _bad_cursor()
    return moment


def _number(text: str, largest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > largest:
        raise _bad_cursor()
    return int(text)


def _decode(cursor: str | None, parts: int) -> list[str] | None:
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("\x1f")
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if len(found) != parts:
        raise _bad_cursor()
    return found


def _bad_cursor() -> InputError:
    return InputError(
        "`after` is not a cursor that this API gave out.",
        code="CURSOR_INVALID",
        path="after",
        remedy="Leave it out for the first page, then use `next` of each page.",
    )
