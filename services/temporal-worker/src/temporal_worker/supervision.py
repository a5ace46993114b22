"""Projects' code and processes in this process: what keeps, starts, watches and ends them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from alga_temporal_domain.projects.builtin.broker import Broker, ProjectBroker
from alga_temporal_domain.projects.builtin.ports import Owner
from alga_temporal_domain.projects.code_judge import CodeJudge
from alga_temporal_domain.projects.collecting import Collector
from alga_temporal_domain.projects.kept import KeptFiles, KeptResults
from alga_temporal_domain.projects.process.connecting import target
from alga_temporal_domain.projects.publishing import Publishing
from alga_temporal_domain.projects.supervision.services import Supervision, supervision
from alga_temporal_domain.projects.watching import CHANNEL
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service
from temporal_worker.base import Parts

COLLECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """`services` come behind hints and launcher."""

    publishing: Publishing
    collector: Collector
    services: tuple[Service, ...]


def domain_projects(parts: Parts) -> Projects:
    """The projects of all tenants."""
    judge = CodeJudge(parts.launcher)
    limits = parts.settings.limits.limits
    publishing = Publishing(storage=parts.storage, reads=judge, judges=judge, limits=limits)
    collector = Collector(storage=parts.storage, publishing=publishing, reads=judge, limits=limits)
    collect = PeriodicService(
        "code-collector", COLLECT_SECONDS, collector.collect_due, backoff=Backoff(longest=5.0)
    )
    parts.hints.listen(CHANNEL, lambda payload: collect.poke() if payload == "code" else None)
    return Projects(
        publishing=publishing,
        collector=collector,
        services=(*_supervision(parts).services, collect),
    )


def _supervision(parts: Parts) -> Supervision:
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
