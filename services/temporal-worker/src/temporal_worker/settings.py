"""Everything that the service is set by."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import Field, SecretStr

from alga_temporal_domain.jobs.settings import JobSettings
from alga_temporal_domain.mail.settings import MailSettings
from alga_temporal_domain.outgoing.settings import OutgoingSettings
from alga_temporal_domain.payloads.settings import PayloadSettings
from alga_temporal_domain.projects.builtin.sms import SmsSettings
from alga_temporal_domain.projects.bundles import Limits
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.queues.settings import QueueSettings
from alga_temporal_domain.schedules.settings import ConvergenceSettings
from alga_temporal_domain.tenants.settings import TenantSettings
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.egress.settings import EgressSettings
from alga_workflows_core.infra.settings import (
    DatabaseSettings,
    LogSettings,
    ProcessSettings,
    Settings,
    TemporalSettings,
    load_all,
    shown_settings,
)
from alga_workflows_core.types.identifiers import TENANT
from temporal_worker.environment import (
    REPLACED,
    SecretFileSettings,
    replaced,
    with_secret_files,
)


class WorkerHttpSettings(Settings):
    """Where the HTTP server listens. PORT is not read: it is the other service's."""

    host: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_HOST",
            description="Address to bind; beyond loopback every request needs a key.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Field(validation_alias="WORKER_SERVICE_PORT", ge=0, le=65535)] = 3011


class LimitSettings(Settings):
    """How much a project's worker may have whose bundle does not say."""

    activities: Annotated[
        int,
        Field(
            validation_alias="MAX_CONCURRENT_ACTIVITY_EXECUTIONS",
            ge=1,
            le=1000,
            description="Activities at a time.",
        ),
    ] = 10
    workflows: Annotated[
        int,
        Field(
            validation_alias="MAX_CONCURRENT_WORKFLOW_EXECUTIONS",
            ge=1,
            le=1000,
            description="Workflow tasks at a time.",
        ),
    ] = 10
    memory_mb: Annotated[
        int,
        Field(
            validation_alias="WORKER_MEMORY_MB",
            ge=64,
            le=65536,
            description="Memory of a worker in MiB.",
        ),
    ] = 256

    @property
    def limits(self) -> Limits:
        """The same as a manifest has them."""
        return Limits(
            activities=self.activities, workflows=self.workflows, memory_mb=self.memory_mb
        )


class IsolationSettings(Settings):
    """Which users projects' processes are."""

    first_uid: Annotated[
        int | None,
        Field(
            validation_alias="WORKER_FIRST_UID",
            ge=1000,
            le=2**31 - 20_000,
            description="The first of 10,000 user ids that belong to nobody; needs root.",
        ),
    ] = None


class OpenSettings(Settings):
    """What only `dev` and `demo` use."""

    tenant: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_DEV_TENANT",
            pattern=TENANT,
            description="Whose data requests without a key see under `dev`.",
        ),
    ] = "default"


class ClientSettings(Settings):
    """Where commands that talk to a running service find it."""

    url: Annotated[
        str,
        Field(
            validation_alias="WORKER_SERVICE_URL",
            pattern=r"^https?://[^/?#]+/?$",
            description="http://host:port of a running service.",
        ),
    ] = "http://127.0.0.1:3011"
    key: Annotated[
        SecretStr | None,
        Field(
            validation_alias="WORKER_SERVICE_KEY",
            description="An API key; `dev` on this machine needs none.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """The settings of one process."""

    database: DatabaseSettings
    temporal: TemporalSettings
    http: WorkerHttpSettings
    logs: LogSettings
    process: ProcessSettings
    limits: LimitSettings
    isolation: IsolationSettings
    supervision: SupervisionSettings
    queues: QueueSettings
    schedules: ConvergenceSettings
    payloads: PayloadSettings
    egress: EgressSettings
    mail: MailSettings
    sms: SmsSettings
    tenants: TenantSettings
    jobs: JobSettings
    outgoing: OutgoingSettings
    dev: OpenSettings
    files: SecretFileSettings

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> ServiceSettings:
        """From the environment and the files beside it; SettingsError names everything that is
        wrong at once."""
        models: dict[str, type[Settings]] = {
            "database": DatabaseSettings,
            "temporal": TemporalSettings,
            "http": WorkerHttpSettings,
            "logs": LogSettings,
            "process": ProcessSettings,
            "limits": LimitSettings,
            "isolation": IsolationSettings,
            "supervision": SupervisionSettings,
            "queues": QueueSettings,
            "schedules": ConvergenceSettings,
            "payloads": PayloadSettings,
            "egress": EgressSettings,
            "mail": MailSettings,
            "sms": SmsSettings,
            "tenants": TenantSettings,
            "jobs": JobSettings,
            "outgoing": OutgoingSettings,
            "dev": OpenSettings,
            "files": SecretFileSettings,
        }
        source = os.environ if environ is None else environ
        try:
            loaded = load_all(*models.values(), environ=filled(source, models.values()))
        except SettingsError as error:
            raise _with_replaced(error, source) from error
        return cls(**dict(zip(models, loaded, strict=True)))

    def shown(self) -> dict[str, str]:
        """Each variable and the value in effect, for people and without secrets."""
        shown: dict[str, str] = {}
        for part in fields(self):
            shown.update(shown_settings(getattr(self, part.name)))
        return shown


def filled(
    environ: Mapping[str, str] | None, models: Iterable[type[Settings]]
) -> Mapping[str, str]:
    """The environment (the process's) with what the models' variables have as files."""
    names = [
        str(field.validation_alias) for model in models for field in model.model_fields.values()
    ]
    return with_secret_files(os.environ if environ is None else environ, names)


def _with_replaced(error: SettingsError, environ: Mapping[str, str]) -> SettingsError:
    more = [f"{name}: is not read any more; {REPLACED[name]}" for name in replaced(environ)]
    listed = [*error.details.get("faults", ()), *more]
    return SettingsError(
        "Settings are missing or wrong:\n" + "\n".join(f"  - {fault}" for fault in listed),
        remedy=error.remedy,
        details={"faults": listed},
    )
