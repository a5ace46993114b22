"""Everything that the service is set by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import Field

from alga_workflows_core.events.settings import EventSettings
from alga_workflows_core.infra.egress.settings import EgressSettings
from alga_workflows_core.infra.redis_settings import RedisSettings, shown_redis_url
from alga_workflows_core.infra.secrets.settings import SecretSettings
from alga_workflows_core.infra.settings import (
    DatabaseSettings,
    HttpSettings,
    LogSettings,
    ProcessSettings,
    RunSettings,
    Settings,
    TemporalSettings,
    load_all,
    shown_settings,
)
from alga_workflows_core.runs.reconciler import ReconcilerSettings
from alga_workflows_core.schedules.settings import ScheduleSettings
from alga_workflows_core.types.identifiers import TENANT


class DevSettings(Settings):
    """What only `dev` and `demo` use."""

    tenant: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_DEV_TENANT",
            pattern=TENANT,
            description="Whose data requests without a key see under `dev`.",
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
    runs: RunSettings
    egress: EgressSettings
    secrets: SecretSettings
    reconciler: ReconcilerSettings
    schedules: ScheduleSettings
    events: EventSettings
    redis: RedisSettings
    dev: DevSettings

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> ServiceSettings:
        """From the environment; SettingsError names everything that is wrong at once."""
        models = {
            "database": DatabaseSettings,
            "temporal": TemporalSettings,
            "http": HttpSettings,
            "logs": LogSettings,
            "process": ProcessSettings,
            "runs": RunSettings,
            "egress": EgressSettings,
            "secrets": SecretSettings,
            "reconciler": ReconcilerSettings,
            "schedules": ScheduleSettings,
            "events": EventSettings,
            "redis": RedisSettings,
            "dev": DevSettings,
        }
        return cls(**dict(zip(models, load_all(*models.values(), environ=environ), strict=True)))

    def shown(self) -> dict[str, str]:
        """Each variable and the value in effect, for people and without secrets."""
        shown: dict[str, str] = {}
        for part in fields(self):
            shown.update(shown_settings(getattr(self, part.name)))
        if self.redis.url is not None:
            shown["WORKFLOW_REDIS_URL"] = shown_redis_url(self.redis.url.get_secret_value())
        return shown
