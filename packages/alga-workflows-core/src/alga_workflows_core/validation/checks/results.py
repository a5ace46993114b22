"""Does what a run returns fit the definition's `resultSchema`?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alga_workflows_core.definition.steps.break_ import BreakStep
from alga_workflows_core.definition.steps.continue_ import ContinueStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.return_ import ReturnStep
from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.throw import ThrowStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.fits import misfits
from alga_workflows_core.validation.subject import Subject

_SUGGESTION = "Correct the value, or the resultSchema."


def check_results(subject: Subject, schema: JsonObject) -> Iterator[Finding]:
    """Values of `control.return` that cannot fit `schema`, and the end without any."""
    for visit in subject.visits:
        if not isinstance(visit.step, ReturnStep):
            continue
        is_given = "value" in visit.step.model_fields_set
        here = visit.here + ("/value" if is_given else "")
        for place, fault in misfits(schema, visit.step.value):
            message = (
                f"Step {visit.step.id!r} returns what the resultSchema refuses: {fault}."
                if is_given
                else f"Step {visit.step.id!r} returns null, which the resultSchema refuses."
            )
            yield error(Code.RESULT_INVALID, here + place, message, _SUGGESTION)
            if not is_given:
                break
    if any(misfits(schema, None)) and _goes_through(subject.definition.steps):
        yield warning(
            Code.RESULT_INVALID,
            "/resultSchema",
            "A run that ends without a control.return has the result null, which does not fit.",
            "End each way through the definition with a control.return.",
        )


def _goes_through(steps: Sequence[Step]) -> bool:
    """Whether a run may come to the end of a block; where it depends on values, it may not.

    Only of the condition of a `control.if` it is taken for granted that it may be either.
    """
    return all(_may_pass(step) for step in steps)


def _may_pass(step: Step) -> bool:
    match step:
        case ReturnStep() | ThrowStep() | BreakStep() | ContinueStep():
            return False
        case IfStep(condition=bool() as condition, then=then, otherwise=otherwise):
            taken = then if condition else otherwise
            return taken is None or _goes_through(taken)
        case IfStep(then=then, otherwise=otherwise):
            return otherwise is None or _goes_through(then) or _goes_through(otherwise)
        case SwitchStep():
            # Without a default the cases may leave nothing out.
            return any(_goes_through(block.steps) for block in step.blocks())
        case TryCatchStep(attempt=attempt, finally_=cleanup):
            return _goes_through(attempt) and (cleanup is None or _goes_through(cleanup))
        case ParallelStep(branches=branches):
            return all(_goes_through(branch.steps) for branch in branches)
        case SagaStep(steps=steps):
            return _goes_through(steps)
        case WhileStep(condition=condition, body=body):
            return condition is not True and _goes_through(body)
        case ForEachStep(body=body):
            return _goes_through(body)
        case _:
            return True
