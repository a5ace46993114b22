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

    type: Annotated[Literal["transform.assign"], Field(description="Set variables.")]
    config: Annotated[AssignConfig, Field(description="What is set.")]


class IfStep(StepBase):
    """Walk one of two lists of steps."""

    type: Annotated[Literal["control.if"], Field(description="Decide between two branches.")]
    condition: Annotated[Value, Field(description="true or false; undefined counts as false.")]
    then: Annotated[
        list[Step], Field(min_length=1, description="What happens if the condition is true.")
    ]
    otherwise: Annotated[
        list[Step],
        Field(
            alias="else", default_factory=list, description="What happens if it is false; nothing."
        ),
    ]


class ActionConfig(Model):
    """What an `action.call` calls, with what, and where its output goes."""

    action_id: Annotated[
        str,
        Field(
            pattern=r"^[a-z][A-Za-z0-9_.-]{0,127}$",
            description="Which action; GET /api/v1/actions lists them.",
        ),
    ]
    version: Annotated[int, Field(ge=1, description="Which version of the action.")]
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

    type: Annotated[Literal["action.call"], Field(description="Call one action.")]
    config: Annotated[ActionConfig, Field(description="Which action, with what.")]


class ReturnStep(StepBase):
    """End the run with a value."""

    type: Annotated[Literal["control.return"], Field(description="End the run.")]
    value: Annotated[Value, Field(description="The run's result; absent means null.")] = None


Step: TypeAlias = Annotated[
    AssignStep | IfStep | ActionStep | ReturnStep, Field(discriminator="type")
]

IfStep.model_rebuild()

STEP_TYPES: tuple[str, ...] = ("action.call", "control.if", "control.return", "transform.assign")
