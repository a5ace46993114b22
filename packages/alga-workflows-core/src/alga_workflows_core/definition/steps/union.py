"""All types of steps as one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, TypeAlias

from pydantic import Field

from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.assign import AssignStep
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.steps.break_ import BreakStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.continue_ import ContinueStep
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import Branch, ParallelStep
from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.definition.steps.state_set import StateStep
from alga_workflows_core.definition.steps.switch import Case, SwitchStep
from alga_workflows_core.definition.steps.throw import ThrowStep
from alga_workflows_core.definition.steps.time_wait import TimeWaitStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.while_ import WhileStep

Step: TypeAlias = Annotated[
    ActionStep
    | StateStep
    | AssignStep
    | IfStep
    | SwitchStep
    | ForEachStep
    | WhileStep
    | BreakStep
    | ContinueStep
    | ParallelStep
    | TryCatchStep
    | ThrowStep
    | SagaStep
    | CallWorkflowStep
    | ReturnStep
    | TimeWaitStep
    | EventWaitStep
    | TaskStep,
    Field(discriminator="type"),
]

STEP_MODELS: Mapping[str, type[StepBase]] = MappingProxyType(
    {
        "action.call": ActionStep,
        "control.break": BreakStep,
        "control.callWorkflow": CallWorkflowStep,
        "control.continue": ContinueStep,
        "control.forEach": ForEachStep,
        "control.if": IfStep,
        "control.parallel": ParallelStep,
        "control.return": ReturnStep,
        "control.saga": SagaStep,
        "control.switch": SwitchStep,
        "control.throw": ThrowStep,
        "control.tryCatch": TryCatchStep,
        "control.while": WhileStep,
        "event.wait": EventWaitStep,
        "human.task": TaskStep,
        "state.set": StateStep,
        "time.wait": TimeWaitStep,
        "transform.assign": AssignStep,
    }
)
"""The model of each type of step, by its `type`, sorted."""

# These hold steps, and could name them only when all of them were there.
for _model in (Branch, Case, *STEP_MODELS.values()):
    _model.model_rebuild(_types_namespace={"Step": Step})
