"""The steps that a document is made of.

`transform.assign`, `control.if`, `action.call` and `control.return` are all that this release runs;
any other type is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from alga_workflows_core.definition import paths
from alga_workflows_core.definition.model import Line, Model
from alga_workflows_core.types.json import Json

Value: TypeAlias = Json
"""A literal, walked recursively, in which `{"$expr": "<JSONata>"}` stands for its result."""

StepId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        description="Unique in the whole document; it names the step in paths, rows and logs.",
    ),
]


def _writable(path: str) -> str:
    fault = paths.fault_of(path)
    if fault:
        raise ValueError(f"`{path}` cannot be written to: {fault}")
    return path


WritablePath = Annotated[str, AfterValidator(_writable)]
"""A path that an assignment may write to: `vars.a.b`."""


class StepBase(Model):
    """What all steps have."""

    id: StepId
    name: Annotated[Line | None, Field(max_length=200, description="For people.")] = None


class AssignConfig(Model):
    """What a `transform.assign` sets."""

    assign: Annotated[
        dict[WritablePath, Value],
        Field(min_length=1, description="Path (`vars.…`) to value; each sees the former."),
    ]


class AssignStep(StepBase):
    """Set variables, in order, each seeing the former."""

    type: Literal["transform.assign"]
    config: AssignConfig


class IfStep(StepBase):
    """Walk one of two lists of steps."""

    type: Literal["control.if"]
    condition: Annotated[Value, Field(description="true or false; undefined counts as false.")]
    then: Annotated[list[Step], Field(min_length=1)]
    otherwise: Annotated[list[Step], Field(alias="else", default_factory=list)]


class ActionConfig(Model):
    """What an `action.call` calls, with what, and where its output goes."""

    action_id: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_.-]{0,127}$")]
    version: Annotated[int, Field(ge=1)]
    input_mapping: Annotated[
        dict[str, Value],
        Field(
            default_factory=dict[str, Value], description="Field of the action's input to value."
        ),
    ]
    save_as: Annotated[
        WritablePath | None, Field(description="Path (`vars.…`) that gets the output.")
    ] = None


class ActionStep(StepBase):
    """Call one action."""

    type: Literal["action.call"]
    config: ActionConfig


class ReturnStep(StepBase):
    """End the run with a value."""

    type: Literal["control.return"]
    value: Annotated[Value, Field(description="The run's result; absent means null.")] = None


Step: TypeAlias = Annotated[
    AssignStep | IfStep | ActionStep | ReturnStep, Field(discriminator="type")
]

IfStep.model_rebuild()

STEP_TYPES: tuple[str, ...] = ("action.call", "control.if", "control.return", "transform.assign")
