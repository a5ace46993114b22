"""Where Redis is, and which messages of it are taken. Loads no library of Redis."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from alga_workflows_core.infra.secrets.port import TENANT
from alga_workflows_core.infra.settings import Settings

ANY_TENANT = "*"
_SCHEMES = ("redis", "rediss", "unix")


class RedisSettings(Settings):
    """The stream that events are taken from; without `url` none."""

    url: Annotated[
        SecretStr | None,
        Field(
            validation_alias="WORKFLOW_REDIS_URL",
            description="redis://user:password@host:port/database, or rediss:// with TLS.",
        ),
    ] = None
    stream: Annotated[str, Field(validation_alias="WORKFLOW_REDIS_STREAM", min_length=1)] = (
        "workflow:events:global"
    )
    group: Annotated[str, Field(validation_alias="WORKFLOW_REDIS_GROUP", min_length=1)] = (
        "alga-workflows"
    )
    tenants: Annotated[
        tuple[str, ...],
        Field(
            validation_alias="WORKFLOW_REDIS_TENANTS",
            validate_default=True,
            description="Comma list of tenants that the stream may speak for, or * for any.",
        ),
    ] = ()
    parked_tenant: Annotated[
        str | None,
        Field(
            validation_alias="WORKFLOW_REDIS_PARKED_TENANT",
            validate_default=True,
            description="Whose people look after messages that belong to no such tenant.",
        ),
    ] = None
    batch: Annotated[int, Field(validation_alias="WORKFLOW_REDIS_BATCH", ge=1, le=1000)] = 100
    block: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_REDIS_BLOCK",
            ge=0.01,
            le=30,
            description="Seconds to wait for a message before asking again.",
        ),
    ] = 2.0
    claim_after: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_REDIS_CLAIM_AFTER",
            ge=0.1,
            le=3600,
            description="Seconds after which what another process has left lying is taken over.",
        ),
    ] = 60.0

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            shown_redis_url(value.get_secret_value())
        return value

    @field_validator("tenants", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("tenants")
    @classmethod
    def _are_tenants(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("url") is not None and not value:
            raise ValueError("has to be set where WORKFLOW_REDIS_URL is")
        for name in value:
            if name != ANY_TENANT and not TENANT.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a tenant")
        return value

    @field_validator("parked_tenant")
    @classmethod
    def _is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        tenants: tuple[str, ...] = info.data.get("tenants", ())
        if value is not None and not TENANT.fullmatch(value):
            raise ValueError(f"{value!r} cannot be a tenant")
        if value is None and len(tenants) == 1 and tenants[0] != ANY_TENANT:
            return tenants[0]
        if value is None and info.data.get("url") is not None:
            raise ValueError("has to be set where the stream speaks for more than one tenant")
        return value

    @property
    def address(self) -> str:
        """The address for messages, without a password; "" without one."""
        return "" if self.url is None else shown_redis_url(self.url.get_secret_value())

    @property
    def allowed_tenants(self) -> frozenset[str] | None:
        """The tenants that the stream may speak for; None for any."""
        return None if ANY_TENANT in self.tenants else frozenset(self.tenants)


def shown_redis_url(text: str) -> str:
    """The address for messages, without what is secret in it. ValueError, which does not repeat
    it, if it is none of Redis."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL; expected redis://user:password@host:port/database") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"expected a URL that begins with {', '.join(_SCHEMES)} and ://")
    where = "" if host is None else (f"[{host}]" if ":" in host else host)
    place = re.sub(r"[^\w/.-]", "", parts.path)
    return f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{place}"
