"""What starts, watches and ends projects' processes, with this process's settings."""

from __future__ import annotations

from uuid import UUID

from alga_temporal_domain.projects.builtin.broker import Broker, ProjectBroker
from alga_temporal_domain.projects.builtin.ports import Owner
from alga_temporal_domain.projects.kept import KeptFiles, KeptResults
from alga_temporal_domain.projects.process.connecting import target
from alga_temporal_domain.projects.supervision.services import Supervision, supervision
from temporal_worker.base import Parts


def project_supervision(parts: Parts) -> Supervision:
    """Its services come behind hints and launcher."""
    broker = _broker(parts)

    def broker_of(tenant: str, project_id: UUID) -> ProjectBroker:
        return broker.of(Owner(project_id=project_id, tenant=tenant))

    return supervision(
        storage=parts.storage,
        settings=parts.settings.supervision,
        launcher=parts.launcher,
        client=parts.client,
        temporal=target(parts.settings.temporal),
        broker_of=broker_of,
        hints=parts.hints,
        registry=parts.metrics.registry,
    )


def _broker(parts: Parts) -> Broker:
    settings = parts.settings
    return Broker(
        http=parts.guarded_http,
        mail=settings.mail.mail(),
        sms=settings.sms.sms(parts.http),
        files=KeptFiles(parts.storage),
        cache=KeptResults(parts.storage),
    )
