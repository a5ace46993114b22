"""What Temporal knows of the executions of runs, and what it can be told of one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowHistoryEventFilterType,
)
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.errors import AlgaError, UnavailableError
from alga_workflows_core.infra.temporal import AWAY, REMEDY
from alga_workflows_core.temporal.names import (
    CONTROL_SIGNAL,
    RUN_WORKFLOW,
    run_of,
    workflow_id,
)
from alga_workflows_core.temporal.wire import ControlSignal, RunInput

RPC_TIMEOUT = timedelta(seconds=5)
# For each of its pages, which may have several megabytes.
HISTORY_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of a run; a run that continues as new has several, one after the other."""

    run_id: UUID
    temporal_run_id: str
    status: WorkflowExecutionStatus
    started_at: datetime
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.status is WorkflowExecutionStatus.RUNNING

    @property
    def goes_on(self) -> bool:
        """Whether another execution has taken over, or is about to."""
        return self.status is WorkflowExecutionStatus.CONTINUED_AS_NEW


class UnreadableStartError(AlgaError):
    """An execution was started with something that is not the input of a run."""

    code = "START_UNREADABLE"


class Executions:
    """The executions in the namespace of `client`. UnavailableError when Temporal is away."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def namespace(self) -> str:
        return self._client.namespace

    async def newest(self, run_id: UUID) -> Execution | None:
        """As the server itself has it, not its index; None if it knows none."""
        with self._outage_as_unavailable():
            try:
                found = await self._handle(run_id).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
        return _execution(run_id, found)

    async def start_input(self, execution: Execution) -> RunInput:
        """What the execution was started with; UnreadableStartError if that is no run's."""
        return await self.input_of(execution, await self._event(execution, last=False))

    async def input_of(self, execution: Execution, event: HistoryEvent) -> RunInput:
        """The same, of the execution's first event."""
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        if len(payloads) != 1:
            raise _unreadable(execution)
        try:
            decoded = await self._client.data_converter.decode(payloads, [RunInput])
        except (ValueError, RuntimeError) as error:
            raise _unreadable(execution) from error
        start: RunInput = decoded[0]
        if start.run_id != execution.run_id:
            raise _unreadable(execution)
        return start

    async def history(self, run_id: UUID, temporal_run_id: str) -> WorkflowHistory | None:
        """All events of one execution; None if the server has none of them any more."""
        handle = self._client.get_workflow_handle(workflow_id(run_id), run_id=temporal_run_id)
        with self._outage_as_unavailable():
            try:
                return await handle.fetch_history(rpc_timeout=HISTORY_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

    async def last_event(self, execution: Execution) -> HistoryEvent:
        """The event with which a closed execution has ended."""
        return await self._event(execution, last=True)

    async def decode(self, payloads: Sequence[Any]) -> list[Any]:
        """Values that a history holds."""
        return await self._client.data_converter.decode(payloads)

    async def failure(self, event: HistoryEvent) -> BaseException:
        """The error with which a failed execution has ended."""
        failed = event.workflow_execution_failed_event_attributes.failure
        return await self._client.data_converter.decode_failure(failed)

    async def pages(self, query: str) -> AsyncGenerator[list[Execution]]:
        """Executions of runs for which the server's index says yes to `query`, page by page.

        The index may lag behind what `newest` says. Executions that another one has taken over
        are left out.
        """
        listing = self._client.list_workflows(
            f"WorkflowType = '{RUN_WORKFLOW}' AND {query}", rpc_timeout=RPC_TIMEOUT
        )
        while True:
            with self._outage_as_unavailable():
                await listing.fetch_next_page()
            yield [
                _execution(run_id, found)
                for found in listing.current_page or ()
                if (run_id := run_of(found.id)) is not None
                and found.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW
            ]
            if not listing.next_page_token:
                return

    async def cancel(self, run_id: UUID, reason: str) -> bool:
        """Ask the run to end; False if Temporal has no open execution of it."""
        with self._outage_as_unavailable():
            return await _reached(
                self._handle(run_id).cancel(reason=reason, rpc_timeout=RPC_TIMEOUT)
            )

    async def terminate(self, run_id: UUID, reason: str, by: str) -> bool:
        """End the run at once; False if Temporal has no open execution of it."""
        with self._outage_as_unavailable():
            return await _reached(
                self._handle(run_id).terminate(by, reason=reason, rpc_timeout=RPC_TIMEOUT)
            )

    async def control(self, run_id: UUID, signal: ControlSignal) -> bool:
        """Tell the run what an operator wants; False if Temporal has no open execution of it."""
        with self._outage_as_unavailable():
            return await _reached(
                self._handle(run_id).signal(CONTROL_SIGNAL, signal, rpc_timeout=RPC_TIMEOUT)
            )

    def _handle(self, run_id: UUID) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(workflow_id(run_id))

    async def _event(self, execution: Execution, *, last: bool) -> HistoryEvent:
        kinds = WorkflowHistoryEventFilterType
        handle = self._client.get_workflow_handle(
            workflow_id(execution.run_id), run_id=execution.temporal_run_id
        )
        with self._outage_as_unavailable():
            async for event in handle.fetch_history_events(
                page_size=1,
                event_filter_type=kinds.CLOSE_EVENT if last else kinds.ALL_EVENT,
                rpc_timeout=RPC_TIMEOUT,
            ):
                return event
        raise RuntimeError(f"execution {execution.temporal_run_id} has no events")

    def _outage_as_unavailable(self) -> AbstractContextManager[None]:
        return outage_as_unavailable(self._client)


@contextmanager
def outage_as_unavailable(client: Client) -> Generator[None]:
    """Raise UnavailableError where the server of `client` is away or takes too long."""
    try:
        yield
    except RPCError as error:
        if error.status not in AWAY:
            raise
        address = client.service_client.config.target_host
        raise UnavailableError("Temporal", address, error.message, remedy=REMEDY) from error


async def _reached(call: Awaitable[None]) -> bool:
    try:
        await call
    except RPCError as error:
        # What the server says of one that it does not know, and of one that has ended.
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


def _execution(run_id: UUID, found: WorkflowExecution) -> Execution:
    if found.status is None:
        raise RuntimeError(f"Temporal does not say how execution {found.run_id} stands")
    return Execution(
        run_id=run_id,
        temporal_run_id=found.run_id,
        status=found.status,
        started_at=found.start_time,
        closed_at=found.close_time,
    )


def _unreadable(execution: Execution) -> UnreadableStartError:
    return UnreadableStartError(
        f"Execution {execution.temporal_run_id} of {workflow_id(execution.run_id)} was not "
        "started with the input of that run.",
        remedy="Terminate it; nothing but the runtime starts this workflow type.",
    )
