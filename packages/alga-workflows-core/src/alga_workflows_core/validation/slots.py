"""Slots: the places of a definition that hold values, and what expressions in them see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.events import EventMatch
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.policies import Undo
from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.assign import AssignStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.definition.steps.state_set import StateStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.throw import ThrowStep
from alga_workflows_core.definition.steps.time_wait import TimeWaitStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.visits import CONTEXT, LOOP_NAMES, Visit


class Role(StrEnum):
    """What a value is for.

    CONDITION: has to be true or false. INPUT: of an action, the only place for secrets. LITERAL:
    is stored as it is, so nothing in it is evaluated. VALUE: anything else.
    """

    CONDITION = "condition"
    INPUT = "input"
    LITERAL = "literal"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Slot:
    """A value at the JSON Pointer `here`. `names`: all that its expressions see."""

    here: str
    value: Json
    role: Role
    names: frozenset[str]


def step_slots(visit: Visit) -> Iterator[Slot]:
    """The slots of one step, without those of the steps inside it."""
    names = CONTEXT | visit.names
    yield from _control_slots(visit.step, visit.here, names)
    yield from _call_slots(visit.step, visit.here, names)
    yield from _wait_slots(visit.step, visit.here + "/config", names)


def _control_slots(step: Step, here: str, names: frozenset[str]) -> Iterator[Slot]:
    match step:
        case IfStep(condition=condition) | WhileStep(condition=condition):
            yield Slot(here + "/condition", condition, Role.CONDITION, names)
        case SwitchStep(cases=cases):
            for index, case in enumerate(cases):
                place = here + pointer("cases", index, "when")
                yield Slot(place, case.when, Role.CONDITION, names)
        case ForEachStep() as loop:
            inside = names | LOOP_NAMES | {loop.item_var}
            yield from _slots(loop, here, names, "items", "concurrency")
            yield from _slots(loop, here, inside, "output")
        case ParallelStep(branches=branches):
            for index, branch in enumerate(branches):
                yield from _slots(branch, here + pointer("branches", index), names, "output")
        case ThrowStep() as throw:
            yield from _slots(throw, here, names, "message", "details")
        case ReturnStep() as end:
            yield from _slots(end, here, names, "value")
        case _:
            pass


def _call_slots(step: Step, here: str, names: frozenset[str]) -> Iterator[Slot]:
    match step:
        case StateStep(config=config):
            yield from _slots(config, here + "/config", names, "state")
        case AssignStep(config=config):
            yield from _mapping(config.assign, here + "/config/assign", names)
        case ActionStep(config=config):
            yield Slot(here + "/config/inputMapping", config.input_mapping, Role.INPUT, names)
            yield from _slots(config, here + "/config", names, "idempotency_key", "timeout")
            yield from _undo(config.compensate, here + "/config/compensate", names)
        case CallWorkflowStep() as call:
            yield from _slots(call, here, names, "input_mapping")
            yield from _undo(call.compensate, here + "/compensate", names)
        case _:
            pass


def _wait_slots(step: Step, here: str, names: frozenset[str]) -> Iterator[Slot]:
    match step:
        case TimeWaitStep(config=config):
            fields = [name for name in ("duration", "until") if name in type(config).model_fields]
            yield from _slots(config, here, names, *fields)
        case EventWaitStep(config=config):
            yield from _slots(config, here, names, "timeout")
            for place, event in config.matches():
                yield from _match_slots(event, here + pointer(*place), names)
        case TaskStep(config=config):
            fields = ("title", "description", "assignees", "candidate_groups", "due_in")
            more = ("remind_every", "escalate_to", "timeout")
            yield from _slots(config, here, names, *fields, *more)
            yield from _mapping(config.assign, here + "/assign", names | {"event"})
        case _:
            pass


def document_slots(definition: Definition) -> Iterator[Slot]:
    """The slots outside the steps: of the trigger and of the concurrency."""
    if definition.concurrency is not None:
        names = frozenset({"payload"})
        yield from _slots(definition.concurrency, "/concurrency", names, "key")
    trigger = definition.trigger
    if trigger is not None:
        for index, condition in enumerate(trigger.filters):
            where = pointer("trigger", "filters", index, "value")
            yield Slot(where, condition.value, Role.LITERAL, frozenset())
        names = frozenset({"event", "system"})
        yield from _slots(trigger, "/trigger", names, "payload_mapping")


def _undo(undo: Undo | None, here: str, names: frozenset[str]) -> Iterator[Slot]:
    if undo is not None:
        seen = names | {"outcome", "result"}
        yield Slot(here + "/inputMapping", undo.input_mapping, Role.INPUT, seen)


def _match_slots(event: EventMatch, here: str, names: frozenset[str]) -> Iterator[Slot]:
    yield from _slots(event, here, names, "correlation_key", "lookback")
    for index, condition in enumerate(event.filters):
        yield from _slots(condition, here + pointer("filters", index), names, "value")
    yield from _mapping(event.assign, here + "/assign", names | {"event"})


def _mapping(
    mapping: Mapping[str, Json] | None, here: str, names: frozenset[str]
) -> Iterator[Slot]:
    for name, value in (mapping or {}).items():
        yield Slot(here + pointer(name), value, Role.VALUE, names)


def _slots(part: Part, here: str, names: frozenset[str], *fields: str) -> Iterator[Slot]:
    """Of the fields that were written in the document."""
    for field in fields:
        if field in part.model_fields_set:
            alias = type(part).model_fields[field].alias or field
            yield Slot(here + pointer(alias), getattr(part, field), Role.VALUE, names)
