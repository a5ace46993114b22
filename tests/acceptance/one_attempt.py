"""Performing for runs in virtual time: each attempt is the run's, none is Temporal's own."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.temporal.names import PERFORM_ACTIVITY, invocation_id
from alga_workflows_core.temporal.wire import PerformFailure, PerformRequest, PerformResult
from tests.acceptance.temporal_world import World


class OneAttempt(RunActivities):
    """Activities of runs; of an action they make exactly one attempt."""

    world: World

    @activity.defn(name=PERFORM_ACTIVITY)
    async def perform(self, request: PerformRequest) -> PerformResult:
        flushed = await self._write_if_quick(request)
        invocation = Invocation(
            id=invocation_id(request.run.run_id, request.step, request.series),
            tenant=request.run.tenant_id,
            run_id=request.run.run_id,
            step=request.step,
            attempt=request.attempt,
        )
        try:
            output = await self._performer.perform(
                request.action_id, request.version, request.input, invocation
            )
        except ActionError as error:
            failure = PerformFailure(
                error=error.info(step=request.step, attempt=request.attempt).as_json(),
                unknown=bool(getattr(error, "unknown", False)),
                flushed=flushed,
            )
            raise ApplicationError(
                error.message,
                failure.model_dump(mode="json", by_alias=True),
                type=error.error_code,
                non_retryable=True,
            ) from None
        except asyncio.CancelledError:
            raise
        return PerformResult(output=output, attempt=request.attempt, flushed=flushed)
