"""What jobs ask of the rest of the service."""

from __future__ import annotations

from typing import Protocol


class TenantState(Protocol):
    """Knows which tenants are suspended."""

    async def is_suspended(self, tenant: str) -> bool:
        """Whether the tenant's jobs are to be skipped. Whatever it raises counts as no."""
        ...


class NeverSuspended:
    """A `TenantState` for a service without tenants that can be suspended."""

    async def is_suspended(self, tenant: str) -> bool:  # noqa: ARG002 - the port's signature
        """False."""
        return False
