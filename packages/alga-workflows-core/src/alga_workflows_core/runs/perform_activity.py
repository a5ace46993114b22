"""The activity that performs an action, until its outcome is known or the run has to wait for it.

A failure that another attempt follows within ten seconds is repeated by Temporal, which costs no
event; any other is handed to the run. Attempts are numbered by outcomes of the handler, so a worker
that is lost or stopped costs none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from alga_workflows_core.actions.attempts import Patience, postponed
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import (
    ActionError,
    InterruptedActionError,
    NotPerformedError,
)
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.definition.action_spec import RetrySpec
from alga_workflows_core.infra.telemetry import bind_run
from alga_workflows_core.runs.attempt_count import Count, LocalCounts
from alga_workflows_core.temporal.names import PERFORM_ACTIVITY, invocation_id
from alga_workflows_core.temporal.wire import PerformFailure, PerformRequest, PerformResult
from alga_workflows_core.types.json import Json

log = structlog.get_logger()

HEARTBEAT_SECONDS = 1.0
"""How often a remote action says that it is alive, and learns that it was cancelled."""

# The server takes a delay of zero for none given.
_AT_ONCE = timedelta(milliseconds=1)

WriteFacts = Callable[[PerformRequest], Awaitable[bool]]
"""Writes the facts that ride with a request as rows; whether they are written."""


class PerformActivity:
    """Performs actions for runs, on any queue. `write_facts`: on the queue that has their rows.

    Unless it `repeats`, every attempt that is to follow one that failed is left to the run.
    """

    def __init__(
        self,
        performer: Performer,
        *,
        write_facts: WriteFacts | None = None,
        repeats: bool = True,
    ) -> None:
        self._performer = performer
        self._write_facts = write_facts
        self._repeats = repeats
        self._counts = LocalCounts()

    @activity.defn(name=PERFORM_ACTIVITY)
    async def perform(self, request: PerformRequest) -> PerformResult:
        """Perform an action. Its failure is an ApplicationError whose one detail is a
        `PerformFailure`; it is retryable if another attempt is to be made by Temporal."""
        flushed = request.batch is None
        count = self._counts.now()
        attempt = request.attempt + count.failures
        with bind_run(
            run_id=str(request.run.run_id),
            tenant=request.run.tenant_id,
            definition=request.run.workflow_id,
        ):
            try:
                async with _beating(count):
                    if self._write_facts is not None and not flushed:
                        flushed = await self._write_facts(request)
                    output = await self._attempt(request, attempt)
            except asyncio.CancelledError:
                # Before the handler was called.
                error = InterruptedActionError(request.action_id, unknown=False, repeatable=True)
                raise self._failure(error, request, count, flushed=flushed) from None
            except ActionError as error:
                # Without its cause, which would be written into the history with what it quotes.
                raise self._failure(error, request, count, flushed=flushed) from None
            self._counts.forget()
            return PerformResult(output=output, attempt=attempt, flushed=flushed)

    async def _attempt(self, request: PerformRequest, attempt: int) -> Json:
        invocation = Invocation(
            id=invocation_id(request.run.run_id, request.step, request.series),
            tenant=request.run.tenant_id,
            run_id=request.run.run_id,
            step=request.step,
            attempt=attempt,
            authored_key=request.idempotency_key,
        )
        return await self._performer.perform(
            request.action_id,
            request.version,
            request.input,
            invocation,
            series=request.series,
            secrets=request.secrets,
            timeout=request.timeout,
        )

    def _failure(
        self, error: ActionError, request: PerformRequest, count: Count, *, flushed: bool
    ) -> ApplicationError:
        attempt = request.attempt + count.failures
        count, delay = self._next(error, request, count)
        log.info(
            f"{request.action_id} failed in attempt {attempt}: {error.message}",
            action="action.failed",
            step=request.step,
            code=error.error_code,
            unknown=error.unknown,
            again_in=None if delay is None else delay.total_seconds(),
        )
        if delay is None:
            self._counts.forget()
        else:
            self._counts.keep(count)
        return ApplicationError(
            error.message,
            PerformFailure(
                error=error.info(step=request.step, attempt=attempt).as_json(),
                unknown=error.unknown,
                flushed=flushed,
            ).model_dump(mode="json", by_alias=True),
            type=error.error_code,
            non_retryable=delay is None,
            next_retry_delay=None if delay is None else max(delay, _AT_ONCE),
            # It was logged above; the SDK need not do so again, with a traceback.
            category=ApplicationErrorCategory.BENIGN,
        )

    def _next(
        self, error: ActionError, request: PerformRequest, count: Count
    ) -> tuple[Count, timedelta | None]:
        """The count after this failure, and the time until Temporal's next attempt, if any."""
        patience = self._patience(request)
        now = datetime.now(UTC)
        if isinstance(error, InterruptedActionError):
            # A worker that stops hands the call to another one, where that does no harm.
            moved = activity.is_worker_shutdown() and error.repeatable
            return count, _AT_ONCE if moved else None
        if isinstance(error, NotPerformedError):
            count = count.delayed()
            delay = postponed(count.postponed)
            return count, delay if patience.lasts(now + delay) else None
        attempt = request.attempt + count.failures
        if error.unknown or not self._repeats:
            return count.failed(), None
        delay = patience.next(
            error.info(attempt=attempt),
            attempt=attempt,
            now=now,
            chance=random.random(),  # noqa: S311 - jitter
        )
        return count.failed(), delay

    def _patience(self, request: PerformRequest) -> Patience:
        contract = self._performer.contract(request.action_id, request.version)
        return Patience(
            policy=request.retry,
            spec=RetrySpec() if contract is None else contract.retry,
            first_at=request.first_at or activity.info().scheduled_time,
        )


@asynccontextmanager
async def _beating(count: Count) -> AsyncGenerator[None]:
    """Meanwhile, report each second that this attempt is alive."""
    if activity.info().is_local:
        yield
        return
    beating = asyncio.ensure_future(_beat(count))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _beat(count: Count) -> None:
    while True:
        count.beat()
        await asyncio.sleep(HEARTBEAT_SECONDS)
