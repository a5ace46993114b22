"""Rows of jobs become what Temporal says: its word alone ends one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TemporalTimeout
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs.bookkeeping import shown
from alga_temporal_domain.jobs.contracts import JobResult
from alga_temporal_domain.jobs.names import JOB_FAILURE
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT, temporal_outage
from alga_temporal_domain.storage.jobs import JobEnd, OpenJob, StepRow, jobs_to_settle, prune_jobs
from alga_temporal_domain.storage.unit_of_work import DomainStorage

log = structlog.get_logger()

SETTLE_SECONDS = 0.5
PRUNE_SECONDS = 3600.0

_BATCH = 100
_AT_ONCE = 10

_STATES = {
    WorkflowExecutionStatus.COMPLETED: "SUCCEEDED",
    WorkflowExecutionStatus.FAILED: "FAILED",
    WorkflowExecutionStatus.CANCELED: "CANCELED",
    WorkflowExecutionStatus.TERMINATED: "TERMINATED",
    WorkflowExecutionStatus.TIMED_OUT: "TIMED_OUT",
}
_STEPS = {
    "SUCCEEDED": "execution_completed",
    "SKIPPED": "execution_skipped",
    "FAILED": "execution_failed",
    "CANCELED": "execution_canceled",
    "TERMINATED": "execution_terminated",
    "TIMED_OUT": "execution_timed_out",
    "LOST": "execution_lost",
}


class Settling:
    """Compares open rows with Temporal, those first that something has happened to."""

    def __init__(
        self, *, storage: DomainStorage, client: Client, address: str, keep: timedelta
    ) -> None:
        self._storage = storage
        self._client = client
        self._address = address
        self._keep = keep

    async def settle_due(self) -> None:
        """One round over all that is due. Two processes never have the same job at a time."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def settle(each: OpenJob) -> None:
            async with limit:
                await self.settle(each)

        while True:
            async with self._storage.transaction() as connection:
                due = await jobs_to_settle(connection, _BATCH)
            outcomes = await asyncio.gather(*map(settle, due), return_exceptions=True)
            failures = [each for each in outcomes if isinstance(each, BaseException)]
            if failures:
                # The others are written; these come again when they are due.
                raise failures[0]
            if len(due) < _BATCH:
                return

    async def settle(self, job: OpenJob) -> None:
        """Write the end of a job, if Temporal says that it has one."""
        handle = self._client.get_workflow_handle(
            job.workflow_id, run_id=job.run_id, result_type=JobResult
        )
        with temporal_outage(self._address):
            try:
                described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                await self._write(job, _lost(), None)
                return
            state = _STATES.get(described.status or WorkflowExecutionStatus.RUNNING)
            if state is None:
                return
            end, result = await _ending(handle, described, state)
        await self._write(job, end, result)

    async def prune(self) -> None:
        """Delete rows of jobs that ended long ago."""
        async with self._storage.transaction() as connection:
            pruned = await prune_jobs(connection, self._keep, 10_000)
        if pruned:
            log.info("Rows of old jobs are deleted.", action="job.pruned", jobs=pruned)

    async def _write(self, job: OpenJob, end: JobEnd, result: JobResult | None) -> None:
        async with self._storage.unit_of_work(job.tenant) as work:
            if not await work.jobs.end(job.job_id, end):
                return
            if result is not None and not result.stored and result.skipped is None:
                size = len(json.dumps(result.result))
                await work.jobs.keep_result(job.job_id, result.result, size)
            step = StepRow(
                name=_STEPS[end.state],
                attempt=0,
                message=end.error_message or end.skipped,
                at=end.ended_at,
            )
            await work.jobs.step(job.job_id, step)
            if job.schedule_key is not None:
                await work.job_schedules.last(
                    job.schedule_key, job_id=job.job_id, state=end.state, at=end.ended_at
                )


async def _ending(
    handle: WorkflowHandle[Any, JobResult], described: WorkflowExecutionDescription, state: str
) -> tuple[JobEnd, JobResult | None]:
    ended_at = described.close_time or datetime.now(UTC)
    started_at = described.execution_time
    try:
        result = await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
    except WorkflowFailureError as error:
        kind, message = _cause(error.cause)
        end = JobEnd(
            state=state,
            ended_at=ended_at,
            started_at=started_at,
            error_type=kind,
            error_message=shown(message),
        )
        return end, None
    end = JobEnd(
        state=state if result.skipped is None else "SKIPPED",
        ended_at=ended_at,
        started_at=started_at,
        skipped=result.skipped,
    )
    return end, result


def _cause(error: BaseException | None) -> tuple[str, str]:
    """Type and message of what lies under the wrappings: what the handler has raised."""
    while error is not None and error.__cause__ is not None and _wraps(error):
        error = error.__cause__
    if isinstance(error, ApplicationError):
        return error.type or type(error).__name__, error.message
    if isinstance(error, TemporalTimeout):
        return "Timeout", f"the attempt ended with the time-out {_timeout(error)}"
    if isinstance(error, FailureError):
        return type(error).__name__.removesuffix("Error"), error.message
    return type(error).__name__, str(error)


def _wraps(error: BaseException) -> bool:
    is_ours = isinstance(error, ApplicationError) and error.type == JOB_FAILURE
    return is_ours or isinstance(error, ActivityError)


def _timeout(error: TemporalTimeout) -> str:
    return "of its server" if error.type is None else error.type.name.lower().replace("_", " ")


def _lost() -> JobEnd:
    return JobEnd(
        state="LOST",
        ended_at=datetime.now(UTC),
        error_type="Lost",
        error_message="Temporal does not know the run, or no longer.",
    )
