"""Messages of a stream that a group of processes shares: what a consumer asks of it.

A message that was read belongs to who read it until it is acknowledged, or until another one claims
it because nothing was heard of it for so long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeAlias

BEGINNING = "0-0"
"""The cursor before all messages, and what a round of claims ends with."""

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Names and values of a message in the order in which they were written; names may repeat."""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message. `fields` is None where it was removed from the stream before it was read."""

    id: str
    fields: Fields | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """Messages that others have left lying; `cursor`: where to go on, BEGINNING after the last."""

    cursor: str
    messages: Sequence[StreamMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """How far the group is. `pending`: read and not acknowledged; `unread`: messages that nobody
    has read, None where the server does not say; `behind`: how much younger than the last message
    that was read the newest one is, by their ids."""

    pending: int
    unread: int | None
    behind: timedelta


class Stream(Protocol):
    """One stream, and this process's name in its group. UnavailableError from every method."""

    @property
    def name(self) -> str:
        """The stream's name."""
        ...

    async def join(self) -> None:
        """Have the group, which begins with the oldest message, and the stream."""
        ...

    async def read_new(self, *, wait: bool) -> Sequence[StreamMessage]:
        """Messages that nobody has read, the oldest first; `wait` a moment for the first."""
        ...

    async def read_own(self, after: str) -> Sequence[StreamMessage]:
        """Messages behind that id which we have read and not acknowledged."""
        ...

    async def claim(self, cursor: str, idle: timedelta) -> Claimed:
        """Take over messages that were read so long ago and are not acknowledged."""
        ...

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """Say that these messages are done with."""
        ...

    async def forget_others(self, idle: timedelta) -> Sequence[str]:
        """Remove, and answer, the names of those who have nothing and did nothing for so long."""
        ...

    async def leave(self) -> None:
        """Remove our name from the group, unless there are messages that only we have."""
        ...

    async def state(self) -> StreamState:
        """How far the group is."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
