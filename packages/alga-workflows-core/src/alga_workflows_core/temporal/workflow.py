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
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.system import System
from alga_workflows_core.temporal.clock import WorkflowClock
from alga_workflows_core.temporal.effects import TemporalEffects
from alga_workflows_core.temporal.names import (
    CONTROL_SIGNAL,
    CURRENT_STEP_QUERY,
    CURRENT_WAIT_QUERY,
    EVENT_SIGNAL,
    HUMAN_TASK_SIGNAL,
    QUOTA_RESUME_SIGNAL,
    RUN_WORKFLOW,
    SUMMARY_QUERY,
)
from alga_workflows_core.temporal.pure import externals
from alga_workflows_core.temporal.results import check_result
from alga_workflows_core.temporal.told import Told
from alga_workflows_core.temporal.wire import ControlSignal, RunInput, fixed_bytes
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """One run, or the part of it that one execution holds.

    Ends COMPLETED with the result, FAILED with the author's error or the end of its time, CANCELED,
    or goes on in a new execution. An author's error is an ApplicationError that is not retried.
    Anything else that is raised here is a bug of ours, fails the workflow task and is tried again
    until a worker can do it.
    """

    @workflow.init
    def __init__(self, start: RunInput) -> None:
        if start.engine > ENGINE:
            raise RuntimeError(
                f"run {start.run_id} needs engine {start.engine}; this worker has {ENGINE}"
            )
        self._effects = self.effects(start)
        self._run = Run(
            _parse(document_text(start.definition)),
            payload=start.payload,
            system=_system(start),
            effects=self._effects,
            state=start.state,
            fixed_bytes=fixed_bytes(start),
            check_result=check_result,
        )
        self._effects.attach(self._run)
        self._told = Told(start, self._run, self._effects.outbox)

    def effects(self, start: RunInput) -> TemporalEffects:
        """The run's world. That of a subclass may have another clock, or settle at other times."""
        return TemporalEffects(start, externals(), WorkflowClock())

    @workflow.run
    async def run(self, start: RunInput) -> Any:
        driving = asyncio.ensure_future(self._drive())
        try:
            finished = await asyncio.shield(driving)
        except asyncio.CancelledError:
            # Once: somebody cancels the run. Another one is the worker that forgets it.
            self._run.cancel(workflow.cancellation_reason() or "The run was cancelled.")
            finished = await driving
        if isinstance(finished, Settled):
            workflow.continue_as_new(
                start.model_copy(
                    update={
                        "state": self._run.settled_state(),
                        "started_at": start.started_at or workflow.info().workflow_start_time,
                    }
                )
            )
        if finished.status is RunStatus.CANCELED and workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        if finished.error is not None:
            raise _failure(finished.error)
        result: Json = finished.result
        return result

    async def _drive(self) -> Finished | Settled:
        """Walk until the run has ended or settled, and all rows are written."""
        keeping = asyncio.ensure_future(self._effects.keep_rows())
        finished = await self._run.run()
        await self._effects.finish()
        await keeping
        return finished

    @workflow.signal(name=EVENT_SIGNAL)
    def event(self, signal: JsonObject) -> None:
        """Something has ended a wait (`WakeSignal`), or an event for this run (`EventSignal`)."""
        self._told.wake(signal)

    @workflow.signal(name=HUMAN_TASK_SIGNAL)
    def human_task(self, signal: JsonObject) -> None:
        """People have answered; see `event`."""
        self._told.wake(signal)

    @workflow.signal(name=QUOTA_RESUME_SIGNAL)
    def quota_resume(self, signal: JsonObject) -> None:  # noqa: ARG002 - whatever it says
        """What has held up the run is over."""
        self._run.resume()

    @workflow.signal(name=CONTROL_SIGNAL)
    def control(self, signal: ControlSignal) -> None:
        """An operator wants something."""
        if signal.do == "tell":
            self._effects.outbox.tell()
        elif signal.do == "pause":
            self._run.pause()
        else:
            self._run.resume()

    @workflow.query(name=CURRENT_STEP_QUERY)
    def current_step(self) -> JsonObject:
        """`{"steps": paths of the innermost steps that are under way}`."""
        return {"steps": list(self._run.steps)}

    @workflow.query(name=CURRENT_WAIT_QUERY)
    def current_wait(self) -> JsonObject:
        """`{"waits": [{"id", "path", "kind", "due"}]}`, those that are open; and `retries`, steps
        that wait to be tried again: `{"path", "attempt", "due", "since", "code"}`."""
        return {"waits": self._told.waits(), "retries": self._told.backoffs()}

    @workflow.query(name=SUMMARY_QUERY)
    def summary(self) -> JsonObject:
        """Status, innermost steps, open waits, and how much of the history is used."""
        info = workflow.info()
        return {
            "status": self._run.status.value,
            "steps": list(self._run.steps),
            "waits": self._told.waits(),
            "historyEvents": info.get_current_history_length(),
            "historyBytes": info.get_current_history_size(),
            "continuedAsNew": info.continued_run_id is not None,
        }


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
            startedAt=(start.started_at or workflow.info().workflow_start_time).isoformat(),
        )
    )


def _failure(error: ErrorInfo) -> ApplicationError:
    return ApplicationError(error.message, error.as_json(), type=error.code, non_retryable=True)
