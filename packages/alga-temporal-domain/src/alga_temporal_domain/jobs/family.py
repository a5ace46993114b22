"""All of jobs in one process, made of what the process has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
from temporalio.client import Client

from alga_temporal_domain.jobs.bookkeeping import Bookkeeping
from alga_temporal_domain.jobs.callbacks import Callbacks
from alga_temporal_domain.jobs.catalogue import JobCatalogue
from alga_temporal_domain.jobs.contracts import LimiterState
from alga_temporal_domain.jobs.desk import JobDesk
from alga_temporal_domain.jobs.enqueueing import Enqueueing
from alga_temporal_domain.jobs.finding import FIND_SECONDS, Finding
from alga_temporal_domain.jobs.hosts import HostedJobs
from alga_temporal_domain.jobs.performing import Performing
from alga_temporal_domain.jobs.ports import TenantState
from alga_temporal_domain.jobs.queue import HEARTBEAT_THROTTLE, queue_spec
from alga_temporal_domain.jobs.recurring import CHECK_SECONDS, Recurring
from alga_temporal_domain.jobs.registry import JobRegistry
from alga_temporal_domain.jobs.results import Results
from alga_temporal_domain.jobs.schedules import TemporalSchedules
from alga_temporal_domain.jobs.settings import JobSettings
from alga_temporal_domain.jobs.settling import PRUNE_SECONDS, SETTLE_SECONDS, Settling
from alga_temporal_domain.jobs.slots import Slots
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service

log = structlog.get_logger()

# PostgreSQL is away for as long as it is; rows are not to be late by more when it is back.
_AGAIN = Backoff(first=1.0, longest=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMeans:
    """What jobs need. `http` goes only where the egress policy allows; `address`: Temporal's.

    `limiter` and `heartbeat_throttle` are shorter in tests.
    """

    storage: DomainStorage
    client: Client
    address: str
    http: httpx.AsyncClient
    secrets: SecretProvider
    registry: JobRegistry
    settings: JobSettings
    tenants: TenantState
    limiter: LimiterState | None = None
    heartbeat_throttle: timedelta = HEARTBEAT_THROTTLE


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFamily:
    """What the API speaks to, the queue to be served, and services to be run beside it."""

    catalogue: JobCatalogue
    enqueueing: Enqueueing
    desk: JobDesk
    recurring: Recurring
    callbacks: Callbacks
    settling: Settling
    finding: Finding
    queue: QueueSpec
    services: tuple[Service, ...]


def job_family(means: JobMeans) -> JobFamily:
    """Everything, not running yet."""
    storage, client, address = means.storage, means.client, means.address
    bookkeeping = Bookkeeping(storage)
    catalogue = JobCatalogue(means.registry, storage)
    results = Results(storage)
    callbacks = Callbacks(
        storage=storage,
        client=client,
        address=address,
        results=results,
        bookkeeping=bookkeeping,
        public_url=means.settings.public_url,
    )
    performing = Performing(
        registry=means.registry,
        hosts=HostedJobs(http=means.http, secrets=means.secrets, callbacks=callbacks),
        results=results,
        bookkeeping=bookkeeping,
        tenants=means.tenants,
    )
    schedules = TemporalSchedules(client, address)
    recurring = Recurring(storage=storage, schedules=schedules, catalogue=catalogue)
    settling = Settling(storage=storage, client=client, address=address, keep=means.settings.keep)
    finding = Finding(storage=storage, client=client, address=address)
    settle = _periodic("job-settling", SETTLE_SECONDS, settling.settle_due)
    bookkeeping.when_written(settle.poke)
    return JobFamily(
        catalogue=catalogue,
        enqueueing=Enqueueing(
            client=client, address=address, catalogue=catalogue, bookkeeping=bookkeeping
        ),
        desk=JobDesk(storage=storage, client=client, address=address, bookkeeping=bookkeeping),
        recurring=recurring,
        callbacks=callbacks,
        settling=settling,
        finding=finding,
        queue=queue_spec(
            performing,
            Slots(client, means.limiter),
            activity_slots=means.settings.activity_slots,
            heartbeat_throttle=means.heartbeat_throttle,
        ),
        services=(
            bookkeeping,
            settle,
            _periodic("job-finding", FIND_SECONDS, finding.find),
            _periodic("job-schedules", CHECK_SECONDS, recurring.converge_due),
            _periodic("job-pruning", PRUNE_SECONDS, settling.prune),
        ),
    )


def _periodic(name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> PeriodicService:
    async def round_of_work() -> None:
        try:
            await work()
        except UnavailableError as error:
            # Health tells of the outage; each round will be done again anyway.
            log.warning(f"A round waits: {error}", action="job.round_waits", service=name)

    return PeriodicService(name, seconds, round_of_work, backoff=_AGAIN)
