"""The port that every source of secrets fulfils, and the errors of asking one for a secret.

None of these errors holds a value, nor does their text.
"""

from __future__ import annotations

import re
from typing import Protocol

from alga_workflows_core.errors import ConflictError, NotFoundError

MAX_SECRET_BYTES = 64 * 1024
"""The largest secret, encoded as UTF-8."""

# Both start with a letter or digit and hold no slash, so neither leads out of a folder.
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a tenant may be called."""

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
"""What a secret may be called."""


class SecretNotFoundError(NotFoundError):
    """The tenant has no secret of this name here."""

    code = "SECRET_UNAVAILABLE"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no secret {name}.",
            remedy="An administrator has to set it for this tenant.",
        )


class SecretUnusableError(ConflictError):
    """There is such a secret, but it cannot be used as it is."""

    code = "SECRET_UNAVAILABLE"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"The secret {name} cannot be used: {why}.",
            remedy="An administrator has to set it again.",
        )


class SecretProvider(Protocol):
    """A source of secrets. It keeps none of them: each use asks again, so that one may change."""

    async def open(self, tenant: str, name: str) -> str:
        """The secret of this name of this tenant, and of no other tenant.

        SecretNotFoundError if there is none, SecretUnusableError if it cannot be used, and
        UnavailableError if the source cannot be reached now.
        """
        ...


def check_names(tenant: str, name: str) -> None:
    """SecretNotFoundError where no tenant or no secret can be called so."""
    if not TENANT.fullmatch(tenant) or not NAME.fullmatch(name):
        raise SecretNotFoundError(name)


def check_value(value: str, name: str) -> str:
    """`value`; SecretUnusableError if it is empty, too large, or no Unicode text."""
    if not value:
        raise SecretUnusableError(name, "it is empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        # Not chained: the cause holds the value.
        raise SecretUnusableError(name, "it is not UTF-8 text") from None
    if size > MAX_SECRET_BYTES:
        raise SecretUnusableError(name, f"it has more than {MAX_SECRET_BYTES} bytes")
    return value
