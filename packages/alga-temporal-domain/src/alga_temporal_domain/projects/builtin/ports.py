"""What the broker needs of others: files, a cache, text messages (e-mail: `mail.port`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_workflows_core.types.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose call it is: files and cached values of a project are seen by it alone."""

    project_id: UUID
    tenant: str


class Files(Protocol):
    """The files of projects."""

    async def read(self, owner: Owner, name: str) -> bytes | None:
        """The content, None if there is no such file."""
        ...

    async def write(self, owner: Owner, name: str, content: bytes) -> None:
        """Make or replace it. TooLargeError when the project has too much already."""
        ...

    async def delete(self, owner: Owner, name: str) -> bool:
        """Whether there was one."""
        ...


@dataclass(frozen=True, slots=True)
class Cached:
    """A value that is in the cache, null too."""

    value: Json


class Cache(Protocol):
    """Values that projects keep for a while."""

    async def get(self, owner: Owner, key: str) -> Cached | None:
        """What was set last, if its time is not over."""
        ...

    async def set(self, owner: Owner, key: str, value: Json, seconds: float) -> None:
        """Keep it for so long at most."""
        ...


class Sms(Protocol):
    """Sends text messages."""

    async def send(self, to: str, text: str) -> str | None:
        """The gateway's id of the message, if it gave one. CallError when it did not take it."""
        ...
