"""What the tables are made of, and the list of all of them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Text, TypeDecorator, func

metadata = MetaData()

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """What a column of `Prose` makes of a text."""
    return _UNSTORABLE.sub("\ufffd", text)


class Prose(TypeDecorator[str]):
    """Text that people wrote for people. What no `text` column takes (NUL, half of a surrogate
    pair) becomes U+FFFD: a name must not keep the row of a run from being written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


def timestamp(name: str, *, required: bool = False) -> Column[object]:
    """A point in time; a required one is stamped by the database's clock."""
    if required:
        return Column(
            name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()
        )
    return Column(name, DateTime(timezone=True))
