"""`control.callWorkflow`: run another definition."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from alga_workflows_core.definition.policies import OnError, RetryPolicy, Undo
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import Value, WritablePath
from alga_workflows_core.types.identifiers import DEFINITION_ID

CallMode: TypeAlias = Literal["wait", "detach"]
"""Whether the caller waits for the child's result."""


class CallWorkflowStep(StepBase):
    """Run another definition, and wait for its result or not."""

    type: Annotated[Literal["control.callWorkflow"], Field(description="Run another definition.")]
    workflow_id: Annotated[
        str,
        Field(pattern=DEFINITION_ID, description="Which definition.", examples=["send-invoice"]),
    ]
    workflow_version: Annotated[
        int | None,
        Field(ge=1, description="Which version; absent: the active one when the call starts."),
    ] = None
    input_mapping: Annotated[
        dict[str, Value],
        Field(
            default_factory=dict[str, Value],
            description="Field of the child's payload to value.",
            examples=[{"orderId": {"$expr": "payload.orderId"}}],
        ),
    ]
    save_as: Annotated[
        WritablePath | None,
        Field(description="Path (`vars.…`) that gets the child's result; with `detach` `{runId}`."),
    ] = None
    mode: Annotated[
        CallMode,
        Field(
            description="wait: go on with its result. detach: go on as soon as it is started.",
        ),
    ] = "wait"
    retry: Annotated[
        RetryPolicy | None, Field(description="Absent: a child that fails is not run again.")
    ] = None
    on_error: Annotated[
        OnError | None, Field(description="Absent: the error goes on outwards.")
    ] = None
    compensate: Annotated[
        Undo | None, Field(description="Undoes this call if a saga around it fails.")
    ] = None
