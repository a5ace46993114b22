"""How tenants are set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from alga_workflows_core.infra.settings import Settings
from alga_workflows_core.types.identifiers import TENANT


class TenantSettings(Settings):
    """Who manages tenants, and what belongs to one."""

    application_url: Annotated[
        str,
        Field(
            validation_alias="APPLICATION_URL",
            pattern=r"^https?://[^?#\s]+$",
            description="Where links in messages to tenants point to.",
        ),
    ] = "http://localhost:3000"
    management: Annotated[
        str | None,
        Field(
            validation_alias="WORKER_MANAGEMENT_TENANT",
            pattern=TENANT,
            description="The tenant whose admins manage tenants; without one nobody does.",
        ),
    ] = None
    schemas: Annotated[
        str,
        Field(
            validation_alias="WORKER_TENANT_SCHEMAS",
            description="PostgreSQL schemas with tenants' rows, separated by commas.",
        ),
    ] = "alga_domain"
    columns: Annotated[
        str,
        Field(
            validation_alias="WORKER_TENANT_COLUMNS",
            description="Columns that say whose a row is, separated by commas.",
        ),
    ] = "tenant,tenant_id"
    exports: Annotated[
        Path | None,
        Field(
            validation_alias="WORKER_TENANT_EXPORTS",
            description="The folder that exports are written to, the same for all replicas.",
        ),
    ] = None
    seeds: Annotated[
        Path | None,
        Field(
            validation_alias="WORKER_TENANT_SEEDS",
            description="The folder of seed packs.",
        ),
    ] = None
    hook_url: Annotated[
        str | None,
        Field(
            validation_alias="WORKER_TENANT_HOOK_URL",
            pattern=r"^https?://[^?#\s]+$",
            description="What is told by signed HTTP what becomes of tenants.",
        ),
    ] = None
    hook_secret: Annotated[
        SecretStr | None,
        Field(
            validation_alias="WORKER_TENANT_HOOK_SECRET",
            min_length=16,
            description="What messages to it are signed with.",
        ),
    ] = None

    @field_validator("schemas", "columns")
    @classmethod
    def _has_names(cls, value: str) -> str:
        if not split(value):
            raise ValueError("expected one name or more, separated by commas")
        return value

    @model_validator(mode="after")
    def _is_signed(self) -> TenantSettings:
        if self.hook_url is not None and self.hook_secret is None:
            raise ValueError("WORKER_TENANT_HOOK_URL needs WORKER_TENANT_HOOK_SECRET")
        return self


def split(value: str) -> tuple[str, ...]:
    """Names that are separated by commas."""
    return tuple(name.strip() for name in value.split(",") if name.strip())
