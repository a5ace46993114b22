"""`waitFor` as a durable timer: a workflow that asks for the activity gets a timer instead."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from alga_temporal_domain.projects.builtin.inputs import WaitFor

WAIT_FOR = "waitFor"


class DurableWait(Interceptor):
    """Workflows of the worker wait by timers: no slot is taken, and a restart changes nothing.

    The timeouts that a caller gives the activity do not count: nothing runs that could hang.
    """

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        if input.activity != WAIT_FOR or input.task_queue is not None:
            return super().start_activity(input)
        return workflow.ActivityHandle(_wait(input))

    def start_local_activity(
        self,
        input: StartLocalActivityInput,  # noqa: A002
    ) -> workflow.ActivityHandle[Any]:
        if input.activity != WAIT_FOR:
            return super().start_local_activity(input)
        return workflow.ActivityHandle(_wait(input))


async def _wait(asked: StartActivityInput | StartLocalActivityInput) -> Any:
    converter = workflow.payload_converter()
    given = asked.args[0] if asked.args else None
    wanted = _read(converter.from_payload(converter.to_payload(given)))
    began = workflow.now()
    await workflow.sleep(wanted.milliseconds / 1000, summary=wanted.reason)
    waited = round((workflow.now() - began).total_seconds() * 1000)
    result: dict[str, Any] = {"waited": waited, "reason": wanted.reason}
    if asked.ret_type is None:
        return result
    wanted_type: type[Any] = asked.ret_type
    return converter.from_payload(converter.to_payload(result), wanted_type)


def _read(value: Any) -> WaitFor:
    try:
        return WaitFor.model_validate(value)
    except ValidationError as error:
        # As the activity itself would say it; a workflow task must not fail over and over.
        raise ApplicationError(
            f"{WAIT_FOR}: {error.errors()[0]['msg']}", type="INPUT_INVALID", non_retryable=True
        ) from None
