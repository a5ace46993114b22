"""What a run has told of itself, taken from its history: the history is replayed through the same
workflow class that walked it, with somebody who takes note. Nothing is performed or sent.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Interceptor, Replayer, UnsandboxedWorkflowRunner

from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.errors import AlgaError, ConflictError, NotFoundError
from alga_workflows_core.temporal.executions import Execution, Executions
from alga_workflows_core.temporal.pure import Externals, ExternalsInterceptor
from alga_workflows_core.temporal.wire import Batch, RunInput
from alga_workflows_core.temporal.workflow import RunWorkflow

_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
_ENDED_FROM_OUTSIDE = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
)


class ReplayError(AlgaError):
    """A history cannot be replayed by this release."""

    code = "HISTORY_NOT_REPLAYABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldBatch:
    """A batch of facts that an execution handed to whoever writes rows. `written`: its history says
    that it was written."""

    temporal_run_id: str
    batch: Batch
    written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRun:
    """A run as its histories tell it. `start`, `began_at`: what its first execution was started
    with, and when; `newest`: its last execution, which may be open; `batches`: in the order in
    which they were handed out; `executions`: how many there are.
    """

    start: RunInput
    began_at: datetime
    newest: Execution
    batches: Sequence[ToldBatch]
    executions: int


class HistoryReplayer:
    """Replays runs of the namespace of `client`. `registry` has the pure actions that their
    definitions use; `workflow` and `interceptors` are those of the worker.
    """

    def __init__(
        self,
        client: Client,
        registry: Registry,
        *,
        workflow: type[Any] = RunWorkflow,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self._client = client
        self._executions = Executions(client)
        self._registry = registry
        self._workflow = workflow
        self._interceptors = interceptors

    async def replay(self, run_id: UUID) -> ReplayedRun:
        """Replay all executions of a run, the first one first.

        NotFoundError if Temporal has not (or no longer) all of their histories, ConflictError
        `ENGINE_UNKNOWN` if a later release walked it, ReplayError if a history does not lead where
        it led, UnreadableStartError, UnavailableError.
        """
        newest = await self._executions.newest(run_id)
        if newest is None:
            raise NotFoundError(
                f"Temporal has no execution of run {run_id} in namespace "
                f"{self._executions.namespace!r}.",
                code="HISTORY_GONE",
                remedy="It was never started, belongs to another namespace, or ended longer ago "
                "than the namespace keeps histories.",
            )
        histories = await self._histories(newest)
        event = histories[0].events[0]
        start = await self._executions.input_of(newest, event)
        if start.engine > ENGINE:
            raise ConflictError(
                f"Run {run_id} was walked by engine {start.engine}; this release has {ENGINE}.",
                code="ENGINE_UNKNOWN",
                remedy="Use the release that your workers run.",
            )
        batches = await self._replay_all(run_id, histories)
        began = event.event_time.ToDatetime(tzinfo=UTC)
        return ReplayedRun(
            start=start, began_at=began, newest=newest, batches=batches, executions=len(histories)
        )

    async def _histories(self, newest: Execution) -> list[WorkflowHistory]:
        """Those of all executions that went on in one another, the first one first."""
        found: list[WorkflowHistory] = []
        wanted = newest.temporal_run_id
        while wanted:
            history = await self._executions.history(newest.run_id, wanted)
            if history is None or not history.events:
                raise NotFoundError(
                    f"Temporal no longer has the history of execution {wanted} of run "
                    f"{newest.run_id}, which later ones go on from.",
                    code="HISTORY_GONE",
                    remedy="It ended longer ago than the namespace keeps histories.",
                )
            found.append(history)
            started = history.events[0].workflow_execution_started_event_attributes
            wanted = started.continued_execution_run_id
        return found[::-1]

    async def _replay_all(
        self, run_id: UUID, histories: Sequence[WorkflowHistory]
    ) -> list[ToldBatch]:
        listener = _Listener()
        externals = Externals(self._registry, time.perf_counter, listener)
        replayer = Replayer(
            workflows=[self._workflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[*self._interceptors, ExternalsInterceptor(externals)],
            namespace=self._client.namespace,
            data_converter=self._client.data_converter,
            runtime=self._client.service_client.config.runtime,
            # Without one the SDK reads all code there is, which takes seconds.
            build_id="rebuild",
        )
        told = [short for history in histories if (short := _as_walked(history)).events]
        async with replayer.workflow_replay_iterator(_each(told)) as results:
            async for result in results:
                if result.replay_failure is not None:
                    raise _not_replayable(run_id, result.replay_failure)
        return listener.told()


class _Listener:
    """Takes note of batches, each as it was at that moment."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, int, str]] = []
        self._written: set[int] = set()

    def taken(self, execution: str, batch: Batch) -> None:
        # What facts hold goes on changing with the run.
        self._taken.append((execution, batch.seq, batch.model_dump_json(by_alias=True)))

    def written(self, batch: Batch) -> None:
        self._written.add(batch.seq)

    def told(self) -> list[ToldBatch]:
        return [
            ToldBatch(
                temporal_run_id=execution,
                batch=Batch.model_validate_json(text, by_alias=True, by_name=False),
                written=seq in self._written,
            )
            for execution, seq, text in self._taken
        ]


async def _each(histories: Sequence[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


def _as_walked(history: WorkflowHistory) -> WorkflowHistory:
    """A history up to where the workflow's code has come; none of it if that never began.

    What was ended from outside has events that the code has not seen, and would go on from.
    """
    events = history.events
    if events[-1].event_type not in _ENDED_FROM_OUTSIDE:
        return history
    done = 0
    answered = {event.event_id for event in events if event.event_type == _TASK_COMPLETED}
    for number, event in enumerate(events, 1):
        if event.event_id in answered or _asked_in(event) in answered:
            done = number
    return WorkflowHistory(history.workflow_id, events[:done])


def _asked_in(event: HistoryEvent) -> int:
    """The completed workflow task that an event comes from, 0 if it comes from none."""
    attributes: Any = getattr(event, event.WhichOneof("attributes") or "", None)
    return getattr(attributes, "workflow_task_completed_event_id", 0)


def _not_replayable(run_id: UUID, failure: BaseException) -> ReplayError:
    lines = str(failure).strip().splitlines()
    return ReplayError(
        f"The history of run {run_id} does not lead where it led: "
        f"{lines[0] if lines else type(failure).__name__}",
        remedy="Use the release that your workers run, with the same actions.",
    )
