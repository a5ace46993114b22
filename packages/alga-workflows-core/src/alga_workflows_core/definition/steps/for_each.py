"""`control.forEach`: walk a block for each item of a list."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.definition.model import field_fault
from alga_workflows_core.definition.steps.base import Block, StepBase, Steps, blocks
from alga_workflows_core.definition.values import (
    ConcurrencyValue,
    ItemsValue,
    Value,
    VariableName,
    WritablePath,
)

OnItemError: TypeAlias = Literal["fail", "continue", "collect"]
"""What an item that fails does to the loop."""


class ForEachStep(StepBase):
    """Walk a block for each item of a list.

    Expressions inside see the item as `item` and under its name, and `index` (from 0), `length`,
    `isFirst` and `isLast`.
    """

    nullable = frozenset({"output"})

    type: Annotated[Literal["control.forEach"], Field(description="Loop over a list.")]
    items: Annotated[
        ItemsValue,
        Field(description="The list, decided once.", examples=[{"$expr": "payload.lines"}]),
    ]
    item_var: Annotated[
        VariableName, Field(description="What the item is called inside.", examples=["line"])
    ]
    body: Annotated[Steps, Field(description="What happens for each item.")]
    concurrency: Annotated[
        ConcurrencyValue,
        Field(description="How many items at a time; with more than one, each has its own vars."),
    ] = 1
    on_item_error: Annotated[
        OnItemError,
        Field(
            description="fail: the loop fails with the item. continue: its output is null. "
            "collect: outputs are `{ok, value | error}`.",
        ),
    ] = "fail"
    output: Annotated[
        Value, Field(description="What an item gives, asked in its scope at its end.")
    ] = None
    save_as: Annotated[
        WritablePath | None,
        Field(description="Path (`vars.…`) that gets the list of outputs, by index."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> ForEachStep:
        has_output = "output" in self.model_fields_set
        if has_output and self.save_as is None:
            raise field_fault("output", "Nothing reads it: there is no 'saveAs'")
        if self.save_as and not has_output and self.on_item_error != "collect":
            raise field_fault(
                "output",
                "The field 'output' is missing: 'saveAs' has nothing to save",
                missing=True,
            )
        return self

    def blocks(self) -> tuple[Block, ...]:
        return blocks(body=self.body)
