"""Rows of the database as frozen values."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


def read(kind: type[T], row: Mapping[Any, Any]) -> T:
    """A `kind` (a dataclass) from the columns of `row` that are named like its fields."""
    return kind(**{name: make(row[name]) for name, make in _readers(kind).items()})


@cache
def _readers(kind: type[Any]) -> dict[str, Any]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _reader(hint: Any) -> Any:
    return hint if inspect.isclass(hint) and issubclass(hint, StrEnum) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
