"""Keyset pages: `?after=` is an opaque cursor, `next` of a page leads to the one behind it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Query

from alga_workflows_core.definition.model import Model
from alga_workflows_core.errors import InputError

T = TypeVar("T")

After: TypeAlias = Annotated[str | None, Query(description="`next` of the page before.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=500, description="Items of a page.")]
DEFAULT_LIMIT = 50


class Page(Model, Generic[T]):
    """Some items; `next` is null on the last page."""

    items: Sequence[T]
    next: str | None


def encode(*parts: str) -> str:
    """A cursor that holds `parts`, none of which may contain U+001F."""
    return base64.urlsafe_b64encode("\x1f".join(parts).encode()).decode().rstrip("=")


def decode(cursor: str | None, parts: int) -> list[str] | None:
    """The parts that `encode` was given; InputError for anything else."""
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


def decode_time_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The time and id in a cursor, None without one; InputError if it holds something else."""
    found = decode(cursor, 2)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found[0]), UUID(found[1])
    except ValueError as error:
        raise _bad_cursor() from error


def decode_number(cursor: str | None) -> int | None:
    """The integer in a cursor, None without one; InputError if it holds something else."""
    found = decode(cursor, 1)
    if found is None:
        return None
    try:
        return int(found[0])
    except ValueError as error:
        raise _bad_cursor() from error


def decode_numbers(cursor: str | None) -> tuple[int, int] | None:
    """The two integers in a cursor, None without one; InputError if it holds something else."""
    found = decode(cursor, 2)
    if found is None:
        return None
    try:
        return int(found[0]), int(found[1])
    except ValueError as error:
        raise _bad_cursor() from error


def _bad_cursor() -> InputError:
    return InputError(
        "`after` is not a cursor that this API gave out.",
        code="CURSOR_INVALID",
        path="after",
        remedy="Leave it out for the first page, then use `next` of each page.",
    )
