"""`action.call`: call one action."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alga_workflows_core.calendars.durations import LONGEST_MS
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.policies import (
    ActionId,
    ActionInput,
    ActionVersion,
    OnError,
    RetryPolicy,
    Undo,
)
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import DurationValue, TextValue, WritablePath


class ActionConfig(Part):
    """What an `action.call` calls, with what, and where its output goes."""

    action_id: ActionId
    version: ActionVersion
    input_mapping: ActionInput
    save_as: Annotated[
        WritablePath | None, Field(description="Path (`vars.…`) that gets the output.")
    ] = None
    idempotency_key: Annotated[
        TextValue,
        Field(
            description="Calls of this action with this key take effect once in 30 days, "
            "whichever run they come from.",
            examples=[{"$expr": "'invoice-' & payload.invoiceId"}],
        ),
    ] = None
    timeout: Annotated[
        DurationValue,
        Field(description="Of one attempt; absent: the action's own.", examples=["PT30S"]),
    ] = None
    timeout_ms: Annotated[
        int | None,
        Field(ge=1, le=LONGEST_MS, description="The same in milliseconds; give one of the two."),
    ] = None
    compensate: Annotated[
        Undo | None, Field(description="Undoes this call if a saga around it fails.")
    ] = None

    @model_validator(mode="after")
    def _check(self) -> ActionConfig:
        if self.timeout is not None and self.timeout_ms is not None:
            raise field_fault("timeoutMs", "Give either 'timeout' or 'timeoutMs'")
        return self


class ActionStep(StepBase):
    """Call one action."""

    type: Annotated[Literal["action.call"], Field(description="Call one action.")]
    config: Annotated[ActionConfig, Field(description="Which action, with what.")]
    retry: Annotated[
        RetryPolicy | None, Field(description="Absent: as the action's contract says.")
    ] = None
    on_error: Annotated[
        OnError | None, Field(description="Absent: the error goes on outwards.")
    ] = None
