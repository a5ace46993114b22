"""API keys as operators make, list and revoke them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from alga_workflows_core.errors import InputError, NotFoundError
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.types.identifiers import TENANT


class KeyRow(Protocol):
    """One key without its secret."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def revoked_at(self) -> datetime | None: ...


class KeyRows(Protocol):
    """The keys of one tenant, in one transaction."""

    async def add(self, key_id: UUID, *, name: str, role: str, key_hash: str) -> None: ...

    async def list(self) -> Sequence[KeyRow]:
        """The newest first."""
        ...

    async def revoke(self, key_id: UUID) -> bool:
        """Whether there was such a key that was still valid."""
        ...


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key; `key` is not stored anywhere."""

    id: UUID
    key: str


class KeyDesk:
    """Keys of any tenant. `opening` gives the rows of one; `command` is the service's program."""

    def __init__(
        self, opening: Callable[[str], AbstractAsyncContextManager[KeyRows]], *, command: str
    ) -> None:
        self._opening = opening
        self._remedy = f"`{command} keys list` lists them."

    async def create(self, tenant: str, name: str, role: Role) -> CreatedKey:
        """A new key of `tenant`; InputError if that cannot be a tenant's name."""
        if not re.fullmatch(TENANT, tenant):
            raise InputError(
                f"{tenant!r} cannot be a tenant.",
                path="--tenant",
                remedy="Use letters, digits, '.', '_' and '-', 64 at most.",
            )
        created = CreatedKey(uuid4(), generate_key())
        async with self._opening(tenant) as keys:
            key_hash = hash_key(created.key)
            await keys.add(created.id, name=name, role=role.label, key_hash=key_hash)
        return created

    async def list(self, tenant: str) -> Sequence[KeyRow]:
        """The keys of `tenant`, the newest first."""
        async with self._opening(tenant) as keys:
            return await keys.list()

    async def revoke(self, tenant: str, key_id: str) -> None:
        """InputError if that is no key's id, NotFoundError if there is no such valid key."""
        try:
            identity = UUID(key_id)
        except ValueError as error:
            raise InputError(
                f"{key_id!r} is not the id of a key.", path="id", remedy=self._remedy
            ) from error
        async with self._opening(tenant) as keys:
            if not await keys.revoke(identity):
                raise NotFoundError(
                    f"Tenant {tenant!r} has no valid key {identity}.", remedy=self._remedy
                )
