"""The interpreter's world on Temporal: clock, chance, actions in three lanes, facts in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
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

from alga_workflows_core.actions.lanes import Lane, LaneChooser
from alga_workflows_core.definition.action_spec import PinnedAction, RetrySpec
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.interpreter.facts import Fact, RunFinished
from alga_workflows_core.interpreter.waits import Closing, Wait
from alga_workflows_core.temporal.names import (
    FLUSH_ACTIVITY,
    PERFORM_ACTIVITY,
    TASK_QUEUE,
    activity_id,
)
from alga_workflows_core.temporal.pure import PurePerformer
from alga_workflows_core.temporal.wire import (
    Batch,
    FlushRequest,
    PerformRequest,
    PerformResult,
    RunInput,
)
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus

FLUSH_TIMEOUT = timedelta(seconds=10)
# Facts wait for the database as long as it takes: the view never fails a run.
FLUSH_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)
)
# An action whose worker was lost is repeated by Temporal; this bounds that.
MAX_ELAPSED = timedelta(hours=24)
LOCAL_MARGIN = timedelta(seconds=1)
# Facts ride with an action only while they are small: Temporal takes 2 MiB for one input, of which
# the action's own may be 1 MiB, and 4 MiB with all that local activities answered before it.
MAX_RIDING_BYTES = 256 * 1024


class TemporalEffects:
    """One run's. Lives in workflow code: no I/O of its own, no clock but the workflow's."""

    def __init__(self, start: RunInput, pure: PurePerformer) -> None:
        self._identity = start.identity()
        self._actions = {(action.id, action.version): action for action in start.actions}
        self._pure = pure
        self._lanes = LaneChooser(own_queue=TASK_QUEUE)
        self._random = workflow.new_random()
        self._facts: list[Fact] = []
        self._remote_actions = 0

    def now(self) -> datetime:
        return workflow.now()

    def random(self) -> float:
        return self._random.random()

    def observe(self, fact: Fact) -> None:
        self._facts.append(fact)

    async def safe_point(self) -> bool:
        return False

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),  # noqa: ARG002 - the server orders what happens
    ) -> None:
        timeout = None if due is None else max(due - workflow.now(), timedelta())
        try:
            await workflow.wait_condition(ready, timeout=timeout)
        except TimeoutError:
            # It is due; the caller looks at what is ready.
            return

    async def business_due(self, duration: str, calendar: str | None) -> datetime:  # noqa: ARG002
        raise StepError(
            ErrorInfo(
                code="ENGINE_UNSUPPORTED",
                category=Category.VALIDATION,
                message="This release has no calendars to count working time by.",
            )
        )

    def start(self, call: ActionCall) -> TemporalAttempt:
        return TemporalAttempt(asyncio.ensure_future(self._perform(call)))

    async def open_wait(self, wait: Wait) -> JsonObject | None:
        raise _not_run(wait)

    async def close_wait(self, wait: Wait, closing: Closing) -> JsonObject | None:  # noqa: ARG002
        raise _not_run(wait)

    async def detach(self, wait: Wait) -> JsonObject:
        raise _not_run(wait)

    async def _perform(self, call: ActionCall) -> Json:
        _refuse_secrets(call)
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
        lane = self._lanes.choose(pinned, call.input, step=call.step)
        if lane is Lane.INLINE:
            return await self._pure.perform(call)
        is_foreign = pinned.queue != TASK_QUEUE
        if lane is Lane.REMOTE and (is_foreign or self._facts_size() > MAX_RIDING_BYTES):
            await self.flush()
        request = PerformRequest(
            run=self._identity,
            temporal_run_id=workflow.info().run_id,
            step=call.step,
            series=call.series,
            action_id=call.action_id,
            version=call.version,
            input=call.input,
            attempt=call.attempt,
            first_at=call.first_at,
            retry=call.retry,
            idempotency_key=call.idempotency_key,
            timeout=call.timeout,
            batch=None if is_foreign else self._batch(),
        )
        facts = [] if request.batch is None else request.batch.facts
        try:
            result = await self._execute(lane, pinned, request)
        except FailureError as error:
            if is_cancelled_exception(error):
                # Nobody knows how far it had come.
                self._facts[:0] = facts
                raise UnknownOutcome(_CANCELLED, call.step) from error
            self._restore_unless_written(facts, error)
            raise StepError(_error_info(error, call.step)) from error
        if not result.flushed:
            self._facts[:0] = facts
        return result.output

    async def flush(self) -> None:
        """Write the facts that have not been written, however long that takes."""
        if not self._facts:
            return
        await workflow.execute_local_activity(
            FLUSH_ACTIVITY,
            FlushRequest(
                run=self._identity,
                temporal_run_id=workflow.info().run_id,
                batch=self._batch(),
            ),
            start_to_close_timeout=FLUSH_TIMEOUT,
            retry_policy=FLUSH_RETRY,
            summary="write rows",
        )

    async def _execute(
        self, lane: Lane, pinned: PinnedAction, request: PerformRequest
    ) -> PerformResult:
        timeout = timedelta(seconds=pinned.timeout)
        summary = f"{request.step}: {pinned.id}"
        if lane is Lane.LOCAL:
            return await workflow.execute_local_activity(
                PERFORM_ACTIVITY,
                request,
                result_type=PerformResult,
                start_to_close_timeout=timeout + LOCAL_MARGIN,
                retry_policy=_retry_policy(pinned.retry),
                summary=summary,
            )
        self._remote_actions += 1
        return await workflow.execute_activity(
            PERFORM_ACTIVITY,
            request,
            result_type=PerformResult,
            # Tells which step waits for the queue; the server tells nothing else of the request.
            activity_id=activity_id(self._remote_actions, request.step),
            task_queue=pinned.queue,
            start_to_close_timeout=timeout + LOCAL_MARGIN,
            schedule_to_close_timeout=MAX_ELAPSED,
            retry_policy=_retry_policy(pinned.retry),
            summary=summary,
        )

    def _facts_size(self) -> int:
        return sum(len(fact.model_dump_json(by_alias=True).encode()) for fact in self._facts)

    def _batch(self) -> Batch:
        facts, self._facts = self._facts, []
        seq = facts[-1].seq if facts else 0
        ended = [fact.status for fact in facts if isinstance(fact, RunFinished)]
        return Batch(seq=seq, status=ended[-1] if ended else RunStatus.RUNNING, facts=facts)

    def _restore_unless_written(self, facts: Sequence[Fact], error: FailureError) -> None:
        """Keep facts whose writing nobody confirmed; writing them twice changes nothing."""
        details = _application_error(error)
        if details is None or not _flushed(details):
            self._facts[:0] = facts


_CANCELLED = "The action was asked to stop."


class UnknownOutcome(StepError):  # noqa: N818 - a fact
    """The action did not end as it should; it may have taken effect all the same."""

    def __init__(self, message: str, step: str) -> None:
        info = ErrorInfo(code="CANCELED", category=Category.CANCELLED, message=message, step=step)
        super().__init__(info)


class TemporalAttempt:
    """An action under way. What is a bug of ours is raised by whoever looks at its outcome."""

    def __init__(self, task: asyncio.Future[Json]) -> None:
        self._task = task

    @property
    def done(self) -> bool:
        return self._task.done()

    @property
    def output(self) -> Json:
        return self._task.result()

    @property
    def error(self) -> ErrorInfo | None:
        failure = self._task.exception()
        if failure is None:
            return None
        if isinstance(failure, StepError):
            return failure.info
        raise failure

    @property
    def unknown(self) -> bool:
        return isinstance(self._task.exception(), UnknownOutcome)

    def cancel(self) -> None:
        self._task.cancel()


def _not_run(wait: Wait) -> StepError:
    """Definitions that wait are not published before this release runs them."""
    return StepError(
        ErrorInfo(
            code="ENGINE_UNSUPPORTED",
            category=Category.VALIDATION,
            message=f"This release does not run waits of kind {wait.kind}.",
            step=wait.path,
        )
    )


def _refuse_secrets(call: ActionCall) -> None:
    if call.secrets:
        raise StepError(
            ErrorInfo(
                code="SECRET_UNAVAILABLE",
                category=Category.VALIDATION,
                message="The input of the action names secrets; this release cannot open secrets.",
                details={"inputs": sorted(call.secrets)},
                step=call.step,
            )
        )


def _retry_policy(spec: RetrySpec) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=spec.first_delay),
        backoff_coefficient=spec.multiplier,
        maximum_interval=timedelta(seconds=max(spec.max_delay, spec.first_delay)),
        maximum_attempts=spec.max_attempts,
    )


def _application_error(error: FailureError) -> ApplicationError | None:
    # A local activity's failure arrives bare, a remote one's inside an ActivityError.
    cause = error.cause if isinstance(error, ActivityError) else error
    return cause if isinstance(cause, ApplicationError) else None


def _flushed(error: ApplicationError) -> bool:
    return bool(error.details) and bool(cast("dict[str, Any]", error.details[0])["flushed"])


def _error_info(error: FailureError, step: str) -> ErrorInfo:
    application = _application_error(error)
    if application is not None and application.details:
        return ErrorInfo.from_json(cast("dict[str, Any]", application.details[0])["error"])
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, TemporalTimeout):
        return ErrorInfo(
            code="ACTION_TIMEOUT",
            category=Category.TIMEOUT,
            message="The action did not answer in time.",
            retryable=True,
            step=step,
        )
    return ErrorInfo(
        code="ACTION_FAILED", category=Category.ACTION, message=str(cause or error), step=step
    )
