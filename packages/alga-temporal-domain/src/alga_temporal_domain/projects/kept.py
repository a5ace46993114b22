"""What projects' activities keep, with limits: files and cached results, as the broker's ports."""

from __future__ import annotations

import json
from datetime import timedelta

from alga_temporal_domain.projects.builtin.ports import Cached, Owner
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import TooLargeError
from alga_workflows_core.types.json import Json

LARGEST_FILE = 1024 * 1024
LARGEST_PROJECT = 100 * 1024 * 1024
LARGEST_VALUE = 256 * 1024


class KeptFiles:
    """The files of projects, in the database."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def write(self, owner: Owner, name: str, content: bytes) -> None:
        """Make it or replace it. TooLargeError over 1 MiB, or over 100 MiB with the others."""
        if len(content) > LARGEST_FILE:
            raise TooLargeError(f"The file has {len(content)} bytes; {LARGEST_FILE} are allowed.")
        async with self._storage.unit_of_work(owner.tenant) as work:
            # One file at a time, so that two together do not pass the limit.
            await work.projects.get(owner.project_id, lock=True)
            beside = await work.kept.bytes_beside(owner.project_id, name)
            if beside + len(content) > LARGEST_PROJECT:
                raise TooLargeError(
                    f"The project's files would have more than {LARGEST_PROJECT} bytes.",
                    remedy="Delete files that nobody needs.",
                )
            await work.kept.write_file(owner.project_id, name, content)

    async def read(self, owner: Owner, name: str) -> bytes | None:
        """None if there is none."""
        async with self._storage.unit_of_work(owner.tenant) as work:
            return await work.kept.read_file(owner.project_id, name)

    async def delete(self, owner: Owner, name: str) -> bool:
        """Whether there was one."""
        async with self._storage.unit_of_work(owner.tenant) as work:
            return await work.kept.delete_file(owner.project_id, name)


class KeptResults:
    """The cached results of projects, in the database."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def get(self, owner: Owner, key: str) -> Cached | None:
        """What was set last, if its time is not over."""
        async with self._storage.unit_of_work(owner.tenant) as work:
            is_there, value = await work.kept.cached(owner.project_id, key)
        return Cached(value) if is_there else None

    async def set(self, owner: Owner, key: str, value: Json, seconds: float) -> None:
        """Keep it for so long. TooLargeError over 256 KiB of JSON."""
        size = len(json.dumps(value).encode())
        if size > LARGEST_VALUE:
            raise TooLargeError(f"The value has {size} bytes as JSON; {LARGEST_VALUE} are allowed.")
        async with self._storage.unit_of_work(owner.tenant) as work:
            ttl = timedelta(seconds=seconds)
            await work.kept.set_cached(owner.project_id, key, value, ttl)
