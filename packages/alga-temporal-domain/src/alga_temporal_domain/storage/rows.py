"""Rows as dataclasses."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)
else:
    R = TypeVar("R")


def read(kind: type[R], row: Any) -> R:
    """`row` as `kind`, whose fields are columns of it."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})
