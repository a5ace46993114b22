"""`control.tryCatch`: catch errors, clean up.

Node: `{"ph": "try" | "catch" | "finally", "s": steps, "e": caught error, "out": pending outcome}`.
"""

from __future__ import annotations

from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter import outcome as outcomes
from alga_workflows_core.interpreter.catching import because_of, is_fatal, names
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Returned, Settled
from alga_workflows_core.interpreter.visit import Visit


async def run(step: TryCatchStep, visit: Visit) -> Outcome:
    """The outcome of the last block that decides it; a failing `finally` replaces any other."""
    node = visit.node
    node.setdefault("ph", "try")
    if node["ph"] == "try":
        inside = visit.frame.dealing(lambda error: _catches(step, visit, error))
        outcome = await visit.walk(step.attempt, frame=inside)
        if isinstance(outcome, Settled):
            return outcome
        if isinstance(outcome, Failed) and _catches(step, visit, outcome.error):
            outcome = _enter_catch(step, visit, outcome.error)
        if node["ph"] == "try":
            _enter_finally(visit, outcome)
    if node["ph"] == "catch":
        error = ErrorInfo.from_json(node["e"])
        outcome = await visit.walk(step.catch or (), frame=visit.frame.catching(error))
        if isinstance(outcome, Settled):
            return outcome
        _enter_finally(visit, outcome)
    if "e" in node:
        visit.output = {"caught": node["e"]["code"]}
    pending = outcomes.from_json(node["out"])
    if step.finally_ is None or _is_over(pending):
        return pending
    return await _clean_up(step, visit, pending)


async def _clean_up(step: TryCatchStep, visit: Visit, pending: Outcome) -> Outcome:
    outcome = await visit.walk(step.finally_ or (), frame=visit.frame.shielded())
    if outcome is None:
        return pending
    if isinstance(outcome, Failed) and isinstance(pending, Failed | Cancelled):
        former = pending.error if isinstance(pending, Failed) else pending.reason
        return Failed(because_of(outcome.error, former))
    # Nothing but an error takes the place of a cancel.
    return pending if isinstance(pending, Cancelled) and isinstance(outcome, Returned) else outcome


def _catches(step: TryCatchStep, visit: Visit, error: ErrorInfo) -> bool:
    """Not where all is cancelled: no step of the catch would begin."""
    if step.catch is None or visit.frame.cancel.reason is not None:
        return False
    return not is_fatal(error) and names(step.catch_on, error)


def _enter_catch(step: TryCatchStep, visit: Visit, error: ErrorInfo) -> Outcome:
    if step.capture_error_as is not None:
        try:
            visit.scope.assign(step.capture_error_as, error.as_json(), visit.path)
        except StepError as failure:
            return Failed(because_of(failure.info, error))
    visit.held.keep_error("e", error)
    visit.node.update(ph="catch", s={})
    return None


def _enter_finally(visit: Visit, outcome: Outcome) -> None:
    visit.held.keep_outcome(outcome)
    visit.node.update(ph="finally", s={})


def _is_over(pending: Outcome) -> bool:
    """Whether the run ends at once, without clean-up."""
    if isinstance(pending, Failed):
        return is_fatal(pending.error)
    return isinstance(pending, Cancelled) and is_fatal(pending.reason)
