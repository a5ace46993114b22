"""`human.task`: ask people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alga_workflows_core.definition.model import field_fault
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.steps.event_wait import Deadline
from alga_workflows_core.definition.values import (
    Assignments,
    DurationValue,
    LabelValue,
    NamesValue,
    TextValue,
)
from alga_workflows_core.types.identifiers import TASK_TYPE
from alga_workflows_core.types.json import JsonObject


class TaskConfig(Deadline):
    """Who is asked what, until when, and what is done with the answer."""

    task_type: Annotated[
        str,
        Field(
            pattern=TASK_TYPE,
            description="What kind of task it is; inboxes sort by it.",
            examples=["approval"],
        ),
    ]
    title: Annotated[
        LabelValue,
        Field(
            description="What people see in their inbox.",
            examples=[{"$expr": "'Approve ' & payload.title"}],
        ),
    ]
    description: Annotated[TextValue, Field(description="What has to be known or done.")] = None
    form: Annotated[
        JsonObject,
        Field(
            description="JSON Schema 2020-12 that an answer has to meet when people submit it.",
            examples=[{"type": "object", "properties": {"approved": {"type": "boolean"}}}],
        ),
    ]
    assignees: Annotated[
        NamesValue, Field(description="People who may answer.", examples=[["ada"]])
    ] = None
    candidate_groups: Annotated[
        NamesValue,
        Field(description="Groups whose members may claim it.", examples=[["managers"]]),
    ] = None
    due_in: Annotated[
        DurationValue, Field(description="When it is due, from its start.", examples=["P2D"])
    ] = None
    remind_every: Annotated[
        DurationValue, Field(description="How often people are reminded.", examples=["P1D"])
    ] = None
    escalate_to: Annotated[
        NamesValue, Field(description="Groups that may answer too once it is overdue.")
    ] = None
    quorum: Annotated[
        int | None, Field(ge=1, le=100, description="How many people have to answer; 1 if absent.")
    ] = None
    assign: Annotated[
        Assignments | None,
        Field(description="What is set when it is answered; `event.payload` is the answer."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> TaskConfig:
        if self.escalate_to is not None and self.due_in is None:
            raise field_fault("escalateTo", "It is never overdue: there is no 'dueIn'")
        return self


class TaskStep(StepBase):
    """Ask people and wait for their answer."""

    type: Annotated[Literal["human.task"], Field(description="Ask people.")]
    config: Annotated[TaskConfig, Field(description="Who is asked what.")]
