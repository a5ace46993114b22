"""Jobs begin here: now or later. Temporal is told first, so no row speaks of a job without one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.bookkeeping import Bookkeeping, Enqueued
from alga_temporal_domain.jobs.catalogue import JobCatalogue
from alga_temporal_domain.jobs.contracts import JobInput
from alga_temporal_domain.jobs.finding import job_memo
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT, temporal_outage
from alga_temporal_domain.jobs.values import checked_input
from alga_temporal_domain.queues.spec import JOBS
from alga_temporal_domain.storage.jobs import JobRef
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json

LONGEST_DELAY = timedelta(days=3660)

_CONTENT = "inputHash"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A job to be: `delay` later, or not before `start_at` (past: now). `key`: makes it once."""

    name: str
    data: Json = None
    delay: timedelta | None = None
    start_at: datetime | None = None
    key: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueuedJob:
    """A job that Temporal has. `created` is false where its key had made it before."""

    id: UUID
    name: str
    workflow_id: str
    run_id: str
    start_at: datetime | None
    created: bool


class Enqueueing:
    """Starts jobs. It works without PostgreSQL, except for names that are only in rows."""

    def __init__(
        self, *, client: Client, address: str, catalogue: JobCatalogue, bookkeeping: Bookkeeping
    ) -> None:
        self._client = client
        self._address = address
        self._catalogue = catalogue
        self._bookkeeping = bookkeeping

    async def enqueue(self, tenant: str, order: JobOrder) -> EnqueuedJob:
        """Have a job done. InputError for an unknown name, for input that does not fit, and for a
        key that has made another job."""
        found = await self._catalogue.find(tenant, order.name)
        value = checked_input(found, order.data)
        delay = _delay(order)
        job_id = (
            uuid4() if order.key is None else names.job_id_of_key(tenant, order.name, order.key)
        )
        job_input = JobInput(
            job_id=str(job_id),
            job_name=order.name,
            tenant_id=tenant,
            data=order.data,
            options=found.options_for(value),
            transport=found.transport,
            actor=order.actor,
        )
        content = _content_hash(order)
        with temporal_outage(self._address):
            run_id, created = await self._start(job_id, job_input, delay, content)
        ref = JobRef(
            tenant=tenant,
            id=job_id,
            name=order.name,
            workflow_id=names.workflow_id(order.name, job_id),
            run_id=run_id,
            created_at=datetime.now(UTC),
            actor=order.actor,
            start_at=datetime.now(UTC) + delay if delay else None,
        )
        await self._bookkeeping.write_at_once(Enqueued(ref=ref))
        return EnqueuedJob(
            id=job_id,
            name=order.name,
            workflow_id=ref.workflow_id,
            run_id=run_id,
            start_at=ref.start_at,
            created=created,
        )

    async def _start(
        self, job_id: UUID, job_input: JobInput, delay: timedelta | None, content: str
    ) -> tuple[str, bool]:
        memo = job_memo(
            tenant=job_input.tenant_id,
            name=job_input.job_name,
            job_id=job_id,
            schedule_key=None,
            actor=job_input.actor,
        )
        workflow_id = names.workflow_id(job_input.job_name, job_id)
        try:
            handle = await self._client.start_workflow(
                names.GENERIC_JOB_WORKFLOW,
                job_input,
                id=workflow_id,
                task_queue=JOBS,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                memo={**memo, _CONTENT: content},
                start_delay=delay,
                static_summary=job_input.job_name,
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError as error:
            known = self._client.get_workflow_handle(workflow_id, run_id=error.run_id)
            return await self._same(known, content), False
        return str(handle.result_run_id or handle.first_execution_run_id), True

    async def _same(self, handle: WorkflowHandle[object, object], content: str) -> str:
        described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        if await described.memo_value(_CONTENT, default="") != content:
            raise InputError(
                "This Idempotency-Key has made another job.",
                code="IDEMPOTENCY_KEY_REUSED",
                path="Idempotency-Key",
                remedy="Use a new key for each job.",
            )
        return described.run_id


def _delay(order: JobOrder) -> timedelta | None:
    delay = order.delay
    if order.start_at is not None:
        delay = order.start_at - datetime.now(UTC)
    if delay is None:
        return None
    if delay > LONGEST_DELAY:
        raise InputError(
            f"A job starts within {LONGEST_DELAY.days} days.",
            code="JOB_TOO_LATE",
            path="/startAt",
            remedy="Enqueue it later.",
        )
    return delay if delay > timedelta() else None


def _content_hash(order: JobOrder) -> str:
    # As it was ordered: a delay sent again leads to another moment, and is the same job.
    said = json.dumps(
        [order.name, order.data, str(order.delay), str(order.start_at)], sort_keys=True
    )
    return hashlib.sha256(said.encode()).hexdigest()
