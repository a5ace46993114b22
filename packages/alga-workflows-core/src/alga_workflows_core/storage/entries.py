"""Entries of the key-value data, as values. Nothing here loads a library of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from alga_workflows_core.types.json import Json

Expiry: TypeAlias = datetime | timedelta | None
"""When an entry's time is over: then, so long from now (database clock), or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is kept under a key. `revision` counts its writes from 1; `value` is None where it was
    not asked for."""

    key: str
    value: Json
    revision: int
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewValue:
    """What an entry is to become; `size` is the value's bytes as JSON."""

    value: Json
    size: int
    expires: Expiry = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some entries in the order of their keys, and whether there are more behind them."""

    entries: list[Entry]
    more: bool
