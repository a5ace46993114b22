"""`control.return`: end the run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import Value


class ReturnStep(StepBase):
    """End the run with a value."""

    nullable = frozenset({"value"})

    type: Annotated[Literal["control.return"], Field(description="End the run.")]
    value: Annotated[
        Value,
        Field(
            description="The run's result; absent means null.",
            examples=[{"total": {"$expr": "vars.total"}}],
        ),
    ] = None
