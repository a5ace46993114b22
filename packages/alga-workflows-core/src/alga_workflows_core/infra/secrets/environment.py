"""Secrets from environment variables, one each.

The variable of secret MAIL_KEY of tenant `acme-eu` is `WORKFLOW_SECRET_ACME_2DEU__MAIL_KEY`: small
letters of the tenant become capital ones, digits stay, and every other character becomes `_` and
its code in two capital hexadecimal digits (`-` 2D, `.` 2E, `_` 5F, `A` 41). A tenant written so
holds no two underscores in a row, so the first two end it, and no two tenants share a variable.
"""

from __future__ import annotations

from collections.abc import Mapping

from alga_workflows_core.infra.secrets.port import SecretNotFoundError, check_names, check_value

PREFIX = "WORKFLOW_SECRET_"


class EnvironmentSecrets:
    """A `SecretProvider` that reads variables of `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def open(self, tenant: str, name: str) -> str:
        """See `SecretProvider`; a variable that is set to nothing counts as not set."""
        check_names(tenant, name)
        value = self._environ.get(variable(tenant, name))
        if not value:
            raise SecretNotFoundError(name)
        return check_value(value, name)


def variable(tenant: str, name: str) -> str:
    """The variable that holds this secret of this tenant."""
    written = "".join(map(_written, tenant))
    return f"{PREFIX}{written}__{name}"


def _written(character: str) -> str:
    if character.islower() or character.isdigit():
        return character.upper()
    return f"_{ord(character):02X}"
