"""The workflow by a clock that the test turns, and nothing else that differs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import temporalio.worker
from temporalio import workflow
from temporalio.worker import WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from alga_temporal_domain.sla.contracts import SlaInput
from alga_temporal_domain.sla.names import WORKFLOW
from alga_temporal_domain.sla.workflow import SlaTicketWorkflow

_EXTERN = "sla_test_clock"


class TurnedClock(temporalio.worker.Interceptor):
    """Lets workflow code of this process read `now`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        # The SDK leaves out the type arguments of these functions.
        input.unsafe_extern_functions[_EXTERN] = lambda: self.now  # pyright: ignore[reportUnknownMemberType]
        return None


@workflow.defn(name=WORKFLOW)
class ScaledSlaTicketWorkflow(SlaTicketWorkflow):
    """Time passes when somebody turns the clock; whoever turns it asks for something then."""

    @workflow.init
    def __init__(self, start: SlaInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: SlaInput) -> None:
        await super().run(start)

    def now(self) -> datetime:
        functions = cast(
            "Mapping[str, Any]",
            workflow.extern_functions(),  # pyright: ignore[reportUnknownMemberType]
        )
        return functions[_EXTERN]()

    def left(self, due: datetime) -> timedelta:
        return timedelta(hours=1) if due > self.now() else timedelta(milliseconds=1)
