"""Several sources of secrets as one."""

from __future__ import annotations

from collections.abc import Sequence

from alga_workflows_core.infra.secrets.port import SecretNotFoundError, SecretProvider


class CombinedSecrets:
    """A `SecretProvider` that asks others in their order; the first that has a secret gives it.

    One that cannot be reached, or has a secret that cannot be used, ends the search: an older value
    from another source would be no answer.
    """

    def __init__(self, providers: Sequence[SecretProvider]) -> None:
        self._providers = tuple(providers)

    async def open(self, tenant: str, name: str) -> str:
        """See `SecretProvider`."""
        for provider in self._providers:
            try:
                return await provider.open(tenant, name)
            except SecretNotFoundError:
                continue
        raise SecretNotFoundError(name)
