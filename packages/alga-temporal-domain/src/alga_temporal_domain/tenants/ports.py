"""What tenants need of others, and what is used where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantEvent:
    """Something that has become of a tenant. `id` is the same each time that one is told."""

    id: str
    type: str
    tenant: str
    data: JsonObject


class TenantHooks(Protocol):
    """Billing, identity, customer records: whoever has to know of tenants."""

    async def tell(self, event: TenantEvent) -> None:
        """Return once it is taken; an event may come again. UnavailableError to have it told again
        later, another AlgaError to have a person look."""
        ...


class NoHooks:
    """Nobody else has to know: the row in the ledger is all."""

    async def tell(self, event: TenantEvent) -> None:
        """Nothing."""


class ExportWriter(Protocol):
    """One export that is being written; nobody sees it before `finish`."""

    async def begin_file(self, name: str) -> None:
        """What is written from now on belongs to this file."""
        ...

    async def write(self, content: bytes) -> None:
        """More of the file."""
        ...

    async def finish(self, manifest: bytes) -> str:
        """Complete: where it is."""
        ...


class ExportStore(Protocol):
    """Where exports are kept. OSError where it does not work at the moment."""

    async def begin(self, tenant: str, export_id: UUID) -> ExportWriter:
        """A new one; what was begun before under this id is dropped."""
        ...

    async def manifest(self, tenant: str, export_id: UUID) -> tuple[str, bytes] | None:
        """Place and manifest of an export that is complete."""
        ...
