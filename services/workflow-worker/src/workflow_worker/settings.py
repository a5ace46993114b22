"""Everything that the service is set by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from alga_workflows_core.infra.egress.addresses import EgressSettings
from alga_workflows_core.infra.settings import (
    DatabaseSettings,
    HttpSettings,
    LogSettings,
    ProcessSettings,
    Settings,
    TemporalSettings,
    load_all,
)


class DevSettings(Settings):
    """What only `dev` and `demo` use."""

    tenant: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_DEV_TENANT",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            description="Whose data requests without a key see.",
        ),
    ] = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """The settings of one process."""

    database: DatabaseSettings
    temporal: TemporalSettings
    http: HttpSettings
    logs: LogSettings
    process: ProcessSettings
    egress: EgressSettings

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> ServiceSettings:
        """From the environment; SettingsError names everything that is wrong at once."""
        models = {
            "database": DatabaseSettings,
            "temporal": TemporalSettings,
            "http": HttpSettings,
            "logs": LogSettings,
            "process": ProcessSettings,
            "egress": EgressSettings,
        }
        return cls(**dict(zip(models, load_all(*models.values(), environ=environ), strict=True)))
