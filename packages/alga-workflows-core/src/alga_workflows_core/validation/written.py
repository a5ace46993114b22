"""What a step writes: the variables that it sets itself, and where its definition says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alga_workflows_core.definition.policies import OnError
from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.assign import AssignStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer


def written_paths(step: Step) -> Iterator[tuple[str, str]]:
    """(where in the step, as a JSON Pointer from it; the path `vars.…`) of each write of `step`.

    In the order of the models' fields. What the steps inside it write is not told.
    """
    match step:
        case AssignStep(config=config):
            yield from _assigned("/config/assign", config.assign)
        case ActionStep(config=config, on_error=on_error):
            yield from _saved("/config/saveAs", config.save_as)
            yield from _error_saved(on_error)
        case CallWorkflowStep(save_as=path, on_error=on_error):
            yield from _saved("/saveAs", path)
            yield from _error_saved(on_error)
        case ForEachStep(save_as=path) | ParallelStep(save_as=path):
            yield from _saved("/saveAs", path)
        case TryCatchStep(capture_error_as=path):
            yield from _saved("/captureErrorAs", path)
        case EventWaitStep(config=config):
            for place, event in config.matches():
                yield from _assigned("/config" + pointer(*place, "assign"), event.assign)
        case TaskStep(config=config):
            yield from _assigned("/config/assign", config.assign)
        case _:
            pass


def overlap(one: str, other: str) -> bool:
    """Whether two paths write to the same value: they are equal, or one leads into the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def above(path: str) -> Iterator[str]:
    """The paths of what holds `path`: `vars.a` and `vars.a.b` of `vars.a.b.c`."""
    at = path.find(".", len("vars."))
    while at != -1:
        yield path[:at]
        at = path.find(".", at + 1)


def _assigned(where: str, assign: Mapping[str, Json] | None) -> Iterator[tuple[str, str]]:
    for path in assign or ():
        yield where + pointer(path), path


def _saved(where: str, path: str | None) -> Iterator[tuple[str, str]]:
    if path is not None:
        yield where, path


def _error_saved(on_error: OnError | None) -> Iterator[tuple[str, str]]:
    if on_error is not None:
        yield from _saved("/onError/saveAs", on_error.save_as)
