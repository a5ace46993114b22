"""`genericJobWorkflow`: one job, from its order to an end that Temporal shows."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.workflow import ActivityCancellationType

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.contracts import (
    Holder,
    JobCall,
    JobInput,
    JobOptions,
    JobOutcome,
    JobResult,
    JobState,
    JobStep,
    SlotRequest,
)

# The worker ends an attempt that takes too long; the server does, some seconds later, where the
# worker is gone.
TIMEOUT_GRACE = timedelta(seconds=5)

_ASK_TIMEOUT = timedelta(seconds=5)
_ASK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)
)
# Should somebody have terminated the limiter, those who wait bring it back.
_ASK_AGAIN = timedelta(minutes=5)


@workflow.defn(name=names.GENERIC_JOB_WORKFLOW)
class GenericJobWorkflow:
    """Takes a slot where the job has a concurrency key, performs it, gives the slot back.

    A job that cannot be done fails its run with `GenericJobFailure`; a cancelled one is cancelled.
    """

    def __init__(self) -> None:
        self._step = JobStep.INITIALIZING
        self._granted = False
        self._error: str | None = None
        self._started_at: datetime | None = None
        self._completed_at: datetime | None = None

    @workflow.run
    async def run(self, order: JobInput) -> JobResult:
        """The job's result; its failure and its cancellation are raised."""
        info = workflow.info()
        job_id = order.job_id or str(names.job_id_of_workflow(info.workflow_id))
        slot = self._slot(order)
        try:
            if slot is not None:
                self._step = JobStep.WAITING
                await self._take(slot)
            self._step = JobStep.EXECUTING
            self._started_at = workflow.now()
            outcome = await self._execute(order, job_id)
        except ActivityError as error:
            self._step = JobStep.FAILED
            self._error = _reason(error)
            if is_cancelled_exception(error):
                raise
            raise ApplicationError(
                f"Job {order.job_name} has failed: {self._error}",
                type=names.JOB_FAILURE,
                non_retryable=True,
            ) from error
        finally:
            if slot is not None:
                await _give_back(slot)
        self._step = JobStep.COMPLETED
        self._completed_at = workflow.now()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return JobResult(
            job_id=job_id,
            result=outcome.result,
            stored=outcome.stored,
            skipped=outcome.skipped,
            completed_at=self._completed_at,
        )

    @workflow.signal(name=names.GRANTED_SIGNAL)
    def granted(self) -> None:
        """The limiter has given the job a slot."""
        self._granted = True

    @workflow.query(name=names.JOB_STATE_QUERY)
    def state(self) -> JobState:
        """Where the job stands."""
        return JobState(
            step=self._step,
            error=self._error,
            started_at=self._started_at,
            completed_at=self._completed_at,
        )

    def _slot(self, order: JobInput) -> SlotRequest | None:
        wanted = order.options.concurrency
        if wanted is None:
            return None
        info = workflow.info()
        return SlotRequest(
            limiter_id=names.limiter_id(order.tenant_id, wanted.key),
            holder=Holder(workflow_id=info.workflow_id, run_id=info.run_id),
            limit=wanted.limit,
        )

    async def _take(self, slot: SlotRequest) -> None:
        while not self._granted:
            await workflow.execute_activity(
                names.ASK_FOR_SLOT,
                slot,
                start_to_close_timeout=_ASK_TIMEOUT,
                retry_policy=_ASK_RETRY,
            )
            try:
                await workflow.wait_condition(lambda: self._granted, timeout=_ASK_AGAIN)
            except TimeoutError:
                continue

    async def _execute(self, order: JobInput, job_id: str) -> JobOutcome:
        options = order.options
        heartbeat = options.heartbeat
        return await workflow.execute_activity(
            order.job_name,
            JobCall(
                job_id=job_id,
                tenant_id=order.tenant_id,
                data=order.data,
                timeout=options.timeout,
                transport=order.transport,
                schedule_key=order.schedule_key,
                actor=order.actor,
            ),
            result_type=JobOutcome,
            start_to_close_timeout=timedelta(seconds=options.timeout) + TIMEOUT_GRACE,
            heartbeat_timeout=None if heartbeat is None else timedelta(seconds=heartbeat),
            retry_policy=_retry_policy(options),
            # A handler here is waited for until it has seen it; a host may never answer.
            cancellation_type=(
                ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
                if order.transport is None
                else ActivityCancellationType.TRY_CANCEL
            ),
        )


async def _give_back(slot: SlotRequest) -> None:
    limiter = workflow.get_external_workflow_handle(slot.limiter_id)
    try:
        await limiter.signal(names.RELEASE_SIGNAL, slot.holder)
    except FailureError:
        # It is gone, and its slots with it.
        workflow.logger.info("The limiter of the job has ended.")


def _retry_policy(options: JobOptions) -> RetryPolicy:
    retry = options.retry
    return RetryPolicy(
        initial_interval=timedelta(seconds=retry.first),
        backoff_coefficient=retry.factor,
        maximum_interval=timedelta(seconds=max(retry.first, retry.longest)),
        maximum_attempts=retry.attempts,
        non_retryable_error_types=list(retry.never_on),
    )


def _reason(error: BaseException) -> str:
    """The innermost cause, which is what the handler has raised."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)
