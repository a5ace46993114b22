"""What workflow code needs of its worker, and pure actions, performed inside the workflow.

Temporal makes workflow objects by itself, so the worker hands its parts in as an external function
(`ExternalsInterceptor`), which is the SDK's way for this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from temporalio import workflow
from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from alga_workflows_core.actions.calling import call_handler
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.temporal.names import invocation_id
from alga_workflows_core.temporal.wire import Batch, RunInput
from alga_workflows_core.types.json import Json

_EXTERN = "alga_workflows_externals"


class BatchWatch(Protocol):
    """Looks on while a run tells its rows what happened; only a rebuild has one."""

    def taken(self, execution: str, batch: Batch) -> None:
        """The run hands this batch to whoever writes it. It may change afterwards."""
        ...

    def written(self, batch: Batch) -> None:
        """Somebody has confirmed to the run that the batch was written."""
        ...


@dataclass(frozen=True, slots=True)
class Externals:
    """`clock` answers seconds from any beginning; what it says must not decide anything, and what
    `watch` does must not either."""

    registry: Registry
    clock: Callable[[], float]
    watch: BatchWatch | None = None


class ExternalsInterceptor(Interceptor):
    """Lets workflow code reach this worker's parts."""

    def __init__(self, externals: Externals) -> None:
        self._externals = externals

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        externals = self._externals
        # The SDK leaves out the type arguments of these functions.
        input.unsafe_extern_functions[_EXTERN] = lambda: externals  # pyright: ignore[reportUnknownMemberType]
        return None


def externals() -> Externals:
    """Those of the worker that runs this workflow."""
    functions = cast(
        "Mapping[str, Any]",
        workflow.extern_functions(),  # pyright: ignore[reportUnknownMemberType]
    )
    return functions[_EXTERN]()


class PurePerformer:
    """Calls pure actions of the worker's registry."""

    def __init__(self, start: RunInput, registry: Registry) -> None:
        self._start = start
        self._registry = registry

    async def perform(self, call: ActionCall) -> Json:
        """The output; StepError if it failed."""
        action = self._registry.find(call.action_id, call.version)
        if action is None:
            # A worker that is older than the version it is asked to run. Raised as a bug, so that
            # the workflow task is tried again until a worker that has the action takes it.
            raise RuntimeError(f"this worker has no action {call.action_id} version {call.version}")
        start = self._start
        invocation = Invocation(
            id=invocation_id(start.run_id, call.step, call.series),
            tenant=start.tenant_id,
            run_id=start.run_id,
            step=call.step,
            attempt=1,
        )
        try:
            return await call_handler(action, call.input, invocation)
        except ActionError as error:
            raise StepError(error.info(step=call.step, attempt=1)) from error
