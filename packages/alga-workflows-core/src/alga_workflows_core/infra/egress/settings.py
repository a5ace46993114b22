"""The setting that opens networks to outgoing connections.

It stands apart from the policy that it describes: actions know the policy, and loading settings
means loading SQLAlchemy.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import Field, field_validator

from alga_workflows_core.infra.egress.addresses import AddressPolicy, IPNetwork
from alga_workflows_core.infra.settings import Settings


class EgressSettings(Settings):
    """Where HTTP requests of authored workflows may go."""

    allow: Annotated[
        tuple[IPNetwork, ...],
        Field(
            validation_alias="WORKFLOW_HTTP_ALLOW",
            description="Comma list of networks that may be reached although they are not public.",
        ),
    ] = ()

    @field_validator("allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(_network(part.strip()) for part in value.split(",") if part.strip())

    @property
    def policy(self) -> AddressPolicy:
        """The policy that these settings describe."""
        return AddressPolicy(allow=self.allow)


def _network(text: str) -> IPNetwork:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; expected networks such as 10.1.0.0/16") from None
