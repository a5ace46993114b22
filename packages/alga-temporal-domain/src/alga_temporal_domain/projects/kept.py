"""What a project's activities keep, with limits: files and cached results."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import TooLargeError
from alga_workflows_core.types.json import Json

LARGEST_FILE = 1024 * 1024
LARGEST_PROJECT = 100 * 1024 * 1024
LARGEST_VALUE = 256 * 1024


class KeptFiles:
    """The files of one project, as its activities see them."""

    def __init__(self, storage: DomainStorage, tenant: str, project_id: UUID) -> None:
        self._storage = storage
        self._tenant = tenant
        self._project_id = project_id

    async def write(self, name: str, content: bytes) -> None:
        """Make it or replace it. TooLargeError over 1 MiB, or over 100 MiB with the others."""
        if len(content) > LARGEST_FILE:
            raise TooLargeError(f"The file has {len(content)} bytes; {LARGEST_FILE} are allowed.")
        async with self._storage.unit_of_work(self._tenant) as work:
            # One file at a time, so that two together do not pass the limit.
            await work.projects.get(self._project_id, lock=True)
            beside = await work.kept.bytes_beside(self._project_id, name)
            if beside + len(content) > LARGEST_PROJECT:
                raise TooLargeError(
                    f"The project's files would have more than {LARGEST_PROJECT} bytes.",
                    remedy="Delete files that nobody needs.",
                )
            await work.kept.write_file(self._project_id, name, content)

    async def read(self, name: str) -> bytes | None:
        """None if there is none."""
        async with self._storage.unit_of_work(self._tenant) as work:
            return await work.kept.read_file(self._project_id, name)

    async def delete(self, name: str) -> bool:
        """Whether there was one."""
        async with self._storage.unit_of_work(self._tenant) as work:
            return await work.kept.delete_file(self._project_id, name)


class KeptResults:
    """The cached results of one project."""

    def __init__(self, storage: DomainStorage, tenant: str, project_id: UUID) -> None:
        self._storage = storage
        self._tenant = tenant
        self._project_id = project_id

    async def get(self, key: str) -> tuple[bool, Json]:
        """Whether there is one that has not run out, and the value."""
        async with self._storage.unit_of_work(self._tenant) as work:
            return await work.kept.cached(self._project_id, key)

    async def set(self, key: str, value: Json, ttl: timedelta) -> None:
        """Keep it for `ttl`. TooLargeError over 256 KiB of JSON."""
        size = len(json.dumps(value).encode())
        if size > LARGEST_VALUE:
            raise TooLargeError(f"The value has {size} bytes as JSON; {LARGEST_VALUE} are allowed.")
        async with self._storage.unit_of_work(self._tenant) as work:
            await work.kept.set_cached(self._project_id, key, value, ttl)
