"""Looks at jobs, and cancels them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs.bookkeeping import Bookkeeping, CancelAsked
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT, temporal_outage
from alga_temporal_domain.storage.jobs import JobFilter, JobRef, JobRow, StepRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_workflows_core.errors import ConflictError, NotFoundError

OPEN_STATES = ("QUEUED", "RUNNING")
STATES = (
    *OPEN_STATES,
    "SUCCEEDED",
    "SKIPPED",
    "FAILED",
    "CANCELED",
    "TIMED_OUT",
    "TERMINATED",
    "LOST",
)


class JobDesk:
    """Reads rows; what it does to jobs it does in Temporal."""

    def __init__(
        self, *, storage: DomainStorage, client: Client, address: str, bookkeeping: Bookkeeping
    ) -> None:
        self._storage = storage
        self._client = client
        self._address = address
        self._bookkeeping = bookkeeping

    async def get(self, tenant: str, job_id: UUID) -> JobRow:
        """NotFoundError if the tenant has no such job."""
        async with self._storage.unit_of_work(tenant) as work:
            return await _found(work, job_id)

    async def page(
        self, tenant: str, wanted: JobFilter, after: tuple[datetime, UUID] | None, at_most: int
    ) -> list[JobRow]:
        """The newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.jobs.page(wanted, after, at_most)

    async def steps(self, tenant: str, job_id: UUID) -> list[StepRow]:
        """What has happened to a job, in order."""
        async with self._storage.unit_of_work(tenant) as work:
            await _found(work, job_id)
            return await work.jobs.steps(job_id)

    async def result(self, tenant: str, job_id: UUID) -> Any:
        """The result of a job that has succeeded; ConflictError `JOB_NO_RESULT` of others."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await _found(work, job_id)
            found = await work.jobs.result(job_id) if row.state == "SUCCEEDED" else None
        if found is None:
            raise ConflictError(
                f"Job {job_id} has no result: it is {row.state}.",
                code="JOB_NO_RESULT",
                remedy="Wait until it has succeeded."
                if row.state in OPEN_STATES
                else "GET the job says why.",
            )
        return found[0]

    async def cancel(self, tenant: str, job_id: UUID, *, reason: str | None, actor: str) -> JobRow:
        """Ask Temporal to cancel the job; it goes on until its handler has seen that.

        ConflictError `JOB_ENDED` if it is over.
        """
        row = await self.get(tenant, job_id)
        if row.state not in OPEN_STATES:
            raise _ended(row)
        handle = self._client.get_workflow_handle(row.workflow_id, run_id=row.run_id)
        said = f"by {actor}" if reason is None else f"by {actor}: {reason}"
        with temporal_outage(self._address):
            try:
                await handle.cancel(reason=said, rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                raise _ended(row) from error
        ref = JobRef(
            tenant=tenant,
            id=row.id,
            name=row.name,
            workflow_id=row.workflow_id,
            run_id=row.run_id,
            created_at=row.created_at,
        )
        asked = CancelAsked(ref=ref, at=datetime.now(UTC), message=said)
        await self._bookkeeping.write_at_once(asked)
        return await self.get(tenant, job_id)


async def _found(work: UnitOfWork, job_id: UUID) -> JobRow:
    row = await work.jobs.get(job_id)
    if row is None:
        raise NotFoundError(
            f"There is no job {job_id}.",
            remedy="GET /v1/jobs lists jobs; one that began while PostgreSQL was away comes later.",
        )
    return row


def _ended(row: JobRow) -> ConflictError:
    return ConflictError(
        f"Job {row.id} has ended.", code="JOB_ENDED", remedy="GET the job says how."
    )
