"""Reach: can every step be run at all?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.subject import Subject

_Place = tuple[str | int, ...]
_Ways = frozenset[str]
"""How a step or block may end: `_THROUGH`, or the types of the steps that end it."""

_THROUGH = ""
_ON: _Ways = frozenset({_THROUGH})
_BREAK = "control.break"
_JUMPS: _Ways = frozenset({_BREAK, "control.continue"})
_ENDLESS = "an endless control.while"
_ENDS: Mapping[str, str] = {
    "control.break": "leaves the loop",
    "control.continue": "goes on with the next turn",
    "control.return": "ends the run",
    "control.throw": "throws an error",
}


def check(subject: Subject) -> Iterator[Finding]:
    """The first step of each block, or of its rest, that nothing leads to."""
    findings: list[Finding] = []
    _block(subject.definition.steps, pointer("steps"), findings)
    yield from findings


def _block(steps: Sequence[Step], parent: str, findings: list[Finding]) -> _Ways:
    """How `steps` may end; what is never reached in them is added to `findings`."""
    ended: set[str] = set()
    for index, step in enumerate(steps):
        ways = _step(step, parent + pointer(index), findings)
        ended |= ways
        if _THROUGH not in ways:
            if index + 1 < len(steps):
                findings.append(_behind(step, ways, steps[index + 1], parent + pointer(index + 1)))
            return frozenset(ended - _ON)
    return frozenset(ended | _ON)


def _step(step: Step, here: str, findings: list[Finding]) -> _Ways:
    blocks = step.blocks()
    if not blocks:
        return frozenset({step.type}) if step.type in _ENDS else _ON
    never = _never(step)
    ways: dict[_Place, _Ways] = {}
    for block in blocks:
        where = here + pointer(*block.place)
        if block.place in never:
            findings.append(_dead(step, never[block.place], block.steps[0], where + pointer(0)))
        else:
            ways[block.place] = _block(block.steps, where, findings)
    return _ways(step, ways)


def _never(step: Step) -> dict[_Place, str]:
    """The blocks of `step` that can never run, and why."""
    match step:
        case IfStep(condition=bool() as decided):
            if decided:
                return {("else",): f"the condition of {step.id!r} is always true"}
            return {("then",): f"the condition of {step.id!r} is always false"}
        case WhileStep(condition=False):
            return {("body",): f"the condition of {step.id!r} is always false"}
        case ForEachStep(items=[]):
            return {("body",): f"{step.id!r} has no items"}
        case SwitchStep():
            return _never_switched(step)
        case _:
            return {}


def _never_switched(step: SwitchStep) -> dict[_Place, str]:
    never: dict[_Place, str] = {}
    taken = False
    for index, case in enumerate(step.cases):
        if taken:
            never["cases", index, "steps"] = f"an earlier case of {step.id!r} is always true"
        elif case.when is False:
            never["cases", index, "steps"] = f"this case of {step.id!r} is always false"
        taken = taken or case.when is True
    if taken:
        never["default",] = f"a case of {step.id!r} is always true"
    return never


def _ways(step: Step, ways: Mapping[_Place, _Ways]) -> _Ways:
    """How `step` may end if those of its blocks that can run may end in these ways."""
    every = _ON.union(*ways.values())
    match step:
        case IfStep() | SwitchStep():
            return every if _passes_over(step) else every - _ON | _through_any(ways)
        case ForEachStep():
            return every - _JUMPS
        case WhileStep(condition=True) if _BREAK not in every:
            return every - _JUMPS - _ON | {_ENDLESS}
        case WhileStep():
            return every - _JUMPS
        case ParallelStep():
            return every if _joins(step, ways) else every - _ON
        case TryCatchStep():
            return _tried(ways)
        case SagaStep(on_failure="compensate"):
            return every - _ON | _through_any(ways)
        case _:
            # An operator may let a parked saga go on.
            return every


def _passes_over(step: IfStep | SwitchStep) -> bool:
    """Whether it may be that none of its blocks is taken."""
    if isinstance(step, IfStep):
        return step.otherwise is None and step.condition is not True
    return step.default is None and not any(case.when is True for case in step.cases)


def _through_any(ways: Mapping[_Place, _Ways]) -> _Ways:
    return _ON if any(_THROUGH in block for block in ways.values()) else frozenset()


def _joins(step: ParallelStep, ways: Mapping[_Place, _Ways]) -> bool:
    """Whether what is behind it may be reached; jumps out of it are mistakes of another kind."""
    goes_on = [_THROUGH in branch or not branch.isdisjoint(_JUMPS) for branch in ways.values()]
    if step.join == "settled":
        # A branch may fail before its return, which settles it.
        return True
    return all(goes_on) if step.join == "all" else any(goes_on)


def _tried(ways: Mapping[_Place, _Ways]) -> _Ways:
    final = ways.get(("finally",), _ON)
    tried = ways["try",] | ways.get(("catch",), frozenset())
    return tried | (final - _ON) if _THROUGH in final else final | (tried & _JUMPS)


def _behind(step: Step, ways: _Ways, lost: Step, here: str) -> Finding:
    """`lost` stands behind `step`, which never goes through."""
    if step.type in _ENDS:
        reason = f"{step.id!r} {_ENDS[step.type]} before it"
    elif isinstance(step, WhileStep) and _ENDLESS in ways:
        reason = f"the condition of {step.id!r} is always true and no control.break leaves it"
    else:
        reason = f"every way through {step.id!r} ends in {' or '.join(sorted(ways))}"
    return warning(
        Code.STEP_UNREACHABLE,
        here,
        f"Step {lost.id!r} is never reached: {reason}.",
        f"Remove it, or move it in front of {step.id!r}.",
    )


def _dead(step: Step, reason: str, lost: Step, here: str) -> Finding:
    """`lost` is the first step of a block of `step` that never runs."""
    what = "the items" if isinstance(step, ForEachStep) else "the condition"
    return warning(
        Code.STEP_UNREACHABLE,
        here,
        f"Step {lost.id!r} is never reached: {reason}.",
        f"Remove it, or write {what} as an expression.",
    )
