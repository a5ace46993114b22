"""Pure actions, performed inside the workflow.

Temporal makes workflow objects by itself, so the worker hands the registry in as an external
function (`worker_interceptor`), which is the SDK's way for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from temporalio import workflow
from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from alga_workflows_core.actions.calling import call_handler
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.temporal.names import invocation_id
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.types.json import Json

_EXTERN = "alga_workflows_registry"


class RegistryInterceptor(Interceptor):
    """Lets workflow code reach this worker's registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        registry = self._registry
        # The SDK leaves out the type arguments of these functions.
        input.unsafe_extern_functions[_EXTERN] = lambda: registry  # pyright: ignore[reportUnknownMemberType]
        return None


class PurePerformer:
    """Calls pure actions of the worker's registry."""

    def __init__(self, start: RunInput) -> None:
        self._start = start
        externs = cast(
            "Mapping[str, Any]",
            workflow.extern_functions(),  # pyright: ignore[reportUnknownMemberType]
        )
        self._registry: Registry = externs[_EXTERN]()

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
