"""Actions as activities: which lane, which request, and what their failures mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as TemporalTimeout
from temporalio.workflow import ActivityCancellationType

from alga_workflows_core.actions.lanes import Lane, LaneChooser
from alga_workflows_core.definition.action_spec import ActionKind, PinnedAction
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.temporal.names import PERFORM_ACTIVITY, TASK_QUEUE, activity_id
from alga_workflows_core.temporal.outbox import Outbox
from alga_workflows_core.temporal.pure import PurePerformer
from alga_workflows_core.temporal.wire import (
    PerformFailure,
    PerformRequest,
    PerformResult,
    RunIdentity,
)
from alga_workflows_core.types.json import Json

MAX_ELAPSED = timedelta(hours=24)
"""An action whose workers are lost is repeated for so long, where the document does not say."""

# How much longer than the handler an attempt may take: to claim it in the ledger, to complete it
# there, and for rows.
MARGIN = timedelta(seconds=15)
# A worker that has not been heard of for so long is lost. Handlers send heartbeats by themselves.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
# The activity says itself when it is to be tried again; this is for workers that are lost, whose
# attempts nobody counts.
LOST_WORKER_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10)
)


class TemporalAttempt:
    """An action under way. What is a bug of ours is raised by whoever looks at its outcome."""

    def __init__(self) -> None:
        self.task: asyncio.Future[Json] | None = None
        self.activity: asyncio.Future[PerformResult] | None = None
        self.cancelled = False

    @property
    def done(self) -> bool:
        return self.task is not None and self.task.done()

    @property
    def output(self) -> Json:
        return None if self.task is None else self.task.result()

    @property
    def error(self) -> ErrorInfo | None:
        failure = self._failure
        if failure is None:
            return None
        if isinstance(failure, StepError):
            return failure.info
        raise failure

    @property
    def unknown(self) -> bool:
        return isinstance(self._failure, UnknownOutcome)

    @property
    def _failure(self) -> BaseException | None:
        return None if self.task is None else self.task.exception()

    def cancel(self) -> None:
        # Not the task: it may be writing rows, which is not to be interrupted.
        self.cancelled = True
        if self.activity is not None:
            self.activity.cancel()


class UnknownOutcome(StepError):  # noqa: N818 - a fact
    """The action did not end as it should; it may have taken effect all the same."""


class Performing:
    """Performs actions for one execution of a run."""

    def __init__(
        self,
        *,
        identity: RunIdentity,
        actions: Mapping[tuple[str, int], PinnedAction],
        pure: PurePerformer,
        outbox: Outbox,
        moved: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._actions = actions
        self._pure = pure
        self._outbox = outbox
        self._lanes = LaneChooser(own_queue=TASK_QUEUE)
        self._moved = moved
        self._remote = 0
        self._local: set[asyncio.Future[PerformResult]] = set()

    def start(self, call: ActionCall) -> TemporalAttempt:
        """Begin to perform it."""
        attempt = TemporalAttempt()
        attempt.task = asyncio.ensure_future(self._perform(call, attempt))
        attempt.task.add_done_callback(self._ended)
        return attempt

    async def no_local_left(self) -> None:
        """Return when no local activity is under way: a run must not end while one is."""
        await workflow.wait_condition(lambda: not self._local)

    def _ended(self, _task: asyncio.Future[Json]) -> None:
        self._moved()

    async def _perform(self, call: ActionCall, attempt: TemporalAttempt) -> Json:
        pinned = self._actions.get((call.action_id, call.version))
        if pinned is None:
            raise StepError(
                ErrorInfo(
                    code="UNKNOWN_ACTION",
                    category=Category.VALIDATION,
                    message=f"This version has no action {call.action_id} {call.version} pinned.",
                    step=call.step,
                )
            )
        lane = self._lanes.choose(pinned, call.input, step=call.step, secrets=call.secrets)
        if lane is Lane.INLINE:
            return await self._pure.perform(call)
        own = pinned.queue == TASK_QUEUE
        if not own or (lane is Lane.REMOTE and not self._outbox.is_small):
            await self._outbox.flush(only_if=lambda: self._outbox.is_due)
        if attempt.cancelled:
            raise StepError(_cancelled(call.step))
        request = self._request(call, own=own)
        try:
            attempt.activity = self._execute(lane, pinned, request)
            result = await attempt.activity
        except FailureError as error:
            failure = _failure(error)
            self._settle(request, flushed=failure is not None and failure.flushed)
            raise _step_error(error, failure, pinned, call.step) from error
        self._settle(request, flushed=result.flushed)
        return result.output

    def _settle(self, request: PerformRequest, *, flushed: bool) -> None:
        """What rode with the request is written, or has to be kept."""
        if flushed and request.batch is not None:
            self._outbox.written(request.batch)
        elif not flushed:
            self._outbox.give_back([] if request.batch is None else request.batch.facts)

    def _request(self, call: ActionCall, *, own: bool) -> PerformRequest:
        return PerformRequest(
            run=self._identity,
            temporal_run_id=workflow.info().run_id,
            step=call.step,
            series=call.series,
            action_id=call.action_id,
            version=call.version,
            input=call.input,
            secrets=dict(call.secrets),
            attempt=call.attempt,
            first_at=call.first_at,
            retry=call.retry,
            idempotency_key=call.idempotency_key,
            timeout=call.timeout,
            batch=self._outbox.take() if own else None,
        )

    def _execute(
        self, lane: Lane, pinned: PinnedAction, request: PerformRequest
    ) -> asyncio.Future[PerformResult]:
        timeout = timedelta(seconds=request.timeout or pinned.timeout)
        summary = f"{request.step}: {pinned.id}"
        if lane is Lane.LOCAL:
            local = workflow.start_local_activity(
                PERFORM_ACTIVITY,
                request,
                result_type=PerformResult,
                start_to_close_timeout=timeout + MARGIN,
                retry_policy=LOST_WORKER_RETRY,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=summary,
            )
            self._local.add(local)
            local.add_done_callback(self._local.discard)
            return local
        self._remote += 1
        return workflow.start_activity(
            PERFORM_ACTIVITY,
            request,
            result_type=PerformResult,
            # Tells which step waits for the queue; the server tells nothing else of the request.
            activity_id=activity_id(self._remote, request.step),
            task_queue=pinned.queue,
            start_to_close_timeout=timeout + MARGIN,
            schedule_to_close_timeout=MAX_ELAPSED + timeout,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=LOST_WORKER_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
        )


def _failure(error: FailureError) -> PerformFailure | None:
    """What the activity said; None if it said nothing, or something else failed."""
    # A local activity's failure arrives bare, a remote one's inside an ActivityError.
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError) and cause.details:
        return PerformFailure.model_validate(cast("dict[str, Any]", cause.details[0]))
    return None


def _step_error(
    error: FailureError, failure: PerformFailure | None, pinned: PinnedAction, step: str
) -> StepError:
    if failure is not None:
        info = replace(ErrorInfo.from_json(failure.error), step=step)
        return UnknownOutcome(info) if failure.unknown else StepError(info)
    cause = error.cause if isinstance(error, ActivityError) else error
    # Nobody has said how it ended: what changes something may have done so.
    kind = UnknownOutcome if pinned.kind is not ActionKind.READ else StepError
    if is_cancelled_exception(error):
        return kind(_cancelled(step))
    if isinstance(cause, TemporalTimeout):
        message = "The action did not answer in time."
        info = replace(_info("ACTION_TIMEOUT", Category.TIMEOUT, message, step), retryable=True)
        return UnknownOutcome(info) if pinned.kind is ActionKind.UNSAFE else StepError(info)
    return StepError(_info("ACTION_FAILED", Category.ACTION, str(cause or error), step))


def _info(code: str, category: Category, message: str, step: str) -> ErrorInfo:
    return ErrorInfo(code=code, category=category, message=message, step=step)


def _cancelled(step: str) -> ErrorInfo:
    return _info("CANCELED", Category.CANCELLED, "The action was asked to stop.", step)
