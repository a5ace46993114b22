"""The one Temporal workflow: it walks a definition to its end."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from alga_workflows_core.definition.document import ENGINE, Definition
from alga_workflows_core.definition.identity import document_text
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.system import System
from alga_workflows_core.temporal.effects import TemporalEffects
from alga_workflows_core.temporal.names import RUN_WORKFLOW
from alga_workflows_core.temporal.pure import PurePerformer
from alga_workflows_core.temporal.results import check_result
from alga_workflows_core.temporal.wire import RunInput, fixed_bytes
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """One run. Ends COMPLETED with the result, or FAILED with the author's error.

    An author's error is an ApplicationError that is not retried. Anything else that is raised here
    is a bug of ours, fails the workflow task and is tried again until a worker can do it.
    """

    @workflow.init
    def __init__(self, start: RunInput) -> None:
        if start.engine > ENGINE:
            raise RuntimeError(
                f"run {start.run_id} needs engine {start.engine}; this worker has {ENGINE}"
            )
        self._effects = TemporalEffects(start, PurePerformer(start))
        self._run = Run(
            _parse(document_text(start.definition)),
            payload=start.payload,
            system=_system(start),
            effects=self._effects,
            fixed_bytes=fixed_bytes(start),
            check_result=check_result,
        )

    @workflow.run
    async def run(self, start: RunInput) -> Any:  # noqa: ARG002 - the SDK hands it to both
        walking = asyncio.ensure_future(self._run.run())
        try:
            finished = await asyncio.shield(walking)
        except asyncio.CancelledError:
            # Once: somebody cancels the run. Another one is the worker that forgets it.
            self._run.cancel()
            finished = await walking
        if isinstance(finished, Settled):
            raise RuntimeError("the run settled, and nobody had asked it to")  # noqa: TRY004 - a bug
        await self._effects.flush()
        if finished.status is RunStatus.CANCELED:
            raise asyncio.CancelledError
        if finished.error is not None:
            raise _failure(finished.error)
        result: Json = finished.result
        return result


@lru_cache(maxsize=256)
def _parse(document: str) -> Definition:
    """Parsed once per process and content, not once per run."""
    return Definition.model_validate_json(document, by_alias=True, by_name=False)


def _system(start: RunInput) -> JsonObject:
    """What expressions see as `system`."""
    return dict(
        System(
            tenant=start.tenant_id,
            runId=str(start.run_id),
            workflowId=start.workflow_id,
            workflowVersion=start.workflow_version,
            triggerType=start.trigger_type,
            startedAt=workflow.info().workflow_start_time.isoformat(),
        )
    )


def _failure(error: ErrorInfo) -> ApplicationError:
    return ApplicationError(error.message, error.as_json(), type=error.code, non_retryable=True)
