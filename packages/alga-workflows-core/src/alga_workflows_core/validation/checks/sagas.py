"""Sagas: is there something to undo, and does something undo it?"""

from __future__ import annotations

from collections.abc import Iterator

from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit


def check(subject: Subject) -> Iterator[Finding]:
    """Sagas that never undo anything, and undos that no saga ever asks for."""
    undoing: set[str] = set()
    for visit in subject.visits:
        where = _undo_of(visit)
        if where is None:
            continue
        sagas = [around.here for around in visit.around if isinstance(around.step, SagaStep)]
        undoing.update(sagas)
        if not sagas:
            yield warning(
                Code.COMPENSATE_OUTSIDE_SAGA,
                where,
                f"{visit.step.id!r} is never undone: no control.saga is around it.",
                "Put it into a control.saga, or remove 'compensate'.",
            )
    for visit in subject.visits:
        if isinstance(visit.step, SagaStep) and visit.here not in undoing:
            yield warning(
                Code.SAGA_WITHOUT_COMPENSATE,
                visit.here,
                f"{visit.step.id!r} undoes nothing when it fails: no call in it has 'compensate'.",
                "Give its calls a 'compensate', or put its steps where the saga stands.",
            )


def _undo_of(visit: Visit) -> str | None:
    """Where the `compensate` of a call stands."""
    match visit.step:
        case ActionStep(config=config) if config.compensate is not None:
            return visit.here + pointer("config", "compensate")
        case CallWorkflowStep(compensate=undo) if undo is not None:
            return visit.here + pointer("compensate")
        case _:
            return None
