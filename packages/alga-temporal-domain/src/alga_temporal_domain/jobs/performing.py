"""The activity that has a job's name: performs one attempt, here or at a host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.jobs.bookkeeping import (
    AttemptBegan,
    AttemptEnded,
    Bookkeeping,
    Told,
)
from alga_temporal_domain.jobs.context import JobContext
from alga_temporal_domain.jobs.contracts import JobCall, JobOutcome, Progress
from alga_temporal_domain.jobs.hosts import HostedJobs
from alga_temporal_domain.jobs.ports import TenantState
from alga_temporal_domain.jobs.registry import JobRegistry
from alga_temporal_domain.jobs.results import Results
from alga_temporal_domain.jobs.values import read_input, written_output
from alga_temporal_domain.storage.jobs import JobRef

log = structlog.get_logger()

SUSPENDED = "tenant_suspended"

_PROBE_SECONDS = 5.0


class Performing:
    """Attempts of jobs. Whatever a handler raises is the attempt's failure, for Temporal to see."""

    def __init__(
        self,
        *,
        registry: JobRegistry,
        hosts: HostedJobs,
        results: Results,
        bookkeeping: Bookkeeping,
        tenants: TenantState,
    ) -> None:
        self._registry = registry
        self._hosts = hosts
        self._results = results
        self._bookkeeping = bookkeeping
        self._tenants = tenants

    @activity.defn(dynamic=True)
    async def perform(self, args: Sequence[RawValue]) -> JobOutcome:
        """One attempt of the job that the activity is named after."""
        call: JobCall = activity.payload_converter().from_payload(args[0].payload, JobCall)
        ref = _ref(call)
        attempt = activity.info().attempt
        if await self._is_suspended(ref.tenant):
            self._ended(ref, attempt, None)
            log.info(
                "A job was skipped: its tenant is suspended.",
                action="job.skipped",
                job=ref.name,
                job_id=call.job_id,
                tenant=call.tenant_id,
            )
            return JobOutcome(skipped=SUSPENDED)
        self._bookkeeping.note(AttemptBegan(ref=ref, attempt=attempt, at=datetime.now(UTC)))
        try:
            outcome = await self._attempt(call, ref, attempt)
        except asyncio.CancelledError:
            self._ended(ref, attempt, "it was cancelled")
            raise
        except Exception as failure:
            # A boundary, to the handler's code; it is raised again.
            self._ended(ref, attempt, f"{_kind(failure)}: {failure}")
            raise
        if outcome is None:
            # From here on only the host speaks for this attempt: heartbeats have ended, too.
            activity.raise_complete_async()
        self._ended(ref, attempt, None)
        return outcome

    def _ended(self, ref: JobRef, attempt: int, error: str | None) -> None:
        ended = AttemptEnded(ref=ref, attempt=attempt, at=datetime.now(UTC), error=error)
        self._bookkeeping.note(ended)

    async def _attempt(self, call: JobCall, ref: JobRef, attempt: int) -> JobOutcome | None:
        """None: the host will answer later."""

        def told(progress: Progress) -> None:
            self._bookkeeping.note(Told(ref=ref, attempt=attempt, progress=progress))

        context = JobContext(tenant=ref.tenant, job_id=call.job_id, attempt=attempt, told=told)
        async with context.beating():
            if call.transport is None:
                return await self._here(call, ref, context)
            answer = await self._hosts.ask(call, call.transport, ref, attempt)
            if answer is None:
                return None
            return await self._results.outcome(ref, answer.value, answer.size)

    async def _here(self, call: JobCall, ref: JobRef, context: JobContext) -> JobOutcome:
        found = self._registry.find(ref.name)
        if found is None or found.handler is None:
            # Another worker may have it, as long as not all are of the same release.
            raise ApplicationError(
                f"This worker has no handler for the job {ref.name}.", type="JobUnknown"
            )
        value = read_input(found, call.data)
        deadline = asyncio.timeout(call.timeout)
        try:
            async with deadline:
                result: Any = await found.handler(value, context)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise ApplicationError(
                f"The job {ref.name} has taken more than {call.timeout:g} s.", type="JobTimeout"
            ) from error
        written, size = written_output(found, result)
        return await self._results.outcome(ref, written, size)

    async def _is_suspended(self, tenant: str) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await self._tenants.is_suspended(tenant)
        except Exception as error:  # noqa: BLE001
            # A boundary, to whoever knows tenants: if it does not know, the job is performed.
            log.warning(
                f"Whether a tenant is suspended is not known: {error}",
                action="job.tenant_unknown",
                tenant=tenant,
            )
            return False


def _ref(call: JobCall) -> JobRef:
    info = activity.info()
    return JobRef(
        tenant=call.tenant_id,
        id=UUID(call.job_id),
        name=info.activity_type,
        workflow_id=str(info.workflow_id),
        run_id=str(info.workflow_run_id),
        created_at=info.scheduled_time,
        schedule_key=call.schedule_key,
        actor=call.actor,
    )


def _kind(failure: Exception) -> str:
    kind = failure.type if isinstance(failure, ApplicationError) else None
    return kind or type(failure).__name__
