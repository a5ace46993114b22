"""Waits and tasks that nothing ends but the event or the answer itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit


def endless(subject: Subject) -> Iterator[Visit]:
    """Every `event.wait` and `human.task` that may last for ever.

    None of them does if the run itself has a timeout, nor does one that competes (`join: any`)
    with a branch that ends without such a wait.
    """
    definition = subject.definition
    if definition.timeout is not None or definition.timeout_ms is not None:
        return
    found = [visit for visit in subject.visits if _lasts(visit)]
    waiting = _waiting_branches(found)
    for visit in found:
        if not _is_outrun(visit, waiting):
            yield visit


def _lasts(visit: Visit) -> bool:
    step = visit.step
    return isinstance(step, EventWaitStep | TaskStep) and not step.config.has_timeout


def _waiting_branches(found: Sequence[Visit]) -> dict[str, set[str | int]]:
    """The indices of the branches that hold such waits, by the place of their step."""
    waiting: dict[str, set[str | int]] = {}
    for visit in found:
        for around in visit.around:
            if isinstance(around.step, ParallelStep):
                waiting.setdefault(around.here, set()).add(around.block.place[1])
    return waiting


def _is_outrun(visit: Visit, waiting: dict[str, set[str | int]]) -> bool:
    return any(
        isinstance(around.step, ParallelStep)
        and around.step.join == "any"
        and len(waiting[around.here]) < len(around.step.branches)
        for around in visit.around
    )
