"""`control.saga`: undo what succeeded when something behind it fails.

Node: `{"ph": "do" | "ask" | "undo", "r": which run of the steps, "s": steps, "stack": entries as in
`undo`, "out": pending outcome}`, that of `failing` while it is parked. Paths in the second run of
the steps begin with `<path>~2`: they are other calls, waits and rows.
"""

from __future__ import annotations

from typing import cast

from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter import outcome as outcomes
from alga_workflows_core.interpreter.catching import because_of, is_fatal
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.interpreter.facts import CallUndone
from alga_workflows_core.interpreter.failing import AfterError, Again, Skipped, parked
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Settled
from alga_workflows_core.interpreter.performing import perform
from alga_workflows_core.interpreter.retrying import Succeeded
from alga_workflows_core.interpreter.undo_stack import UndoStack
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import JsonObject


async def run(step: SagaStep, visit: Visit) -> Outcome:
    """The outcome of the steps. If they fail or are cancelled, their calls are undone first."""
    node = visit.node
    stack = UndoStack(node.setdefault("stack", []), visit.held.share)
    node.setdefault("ph", "do")
    while True:
        if node["ph"] == "do":
            inside = _inside(visit, stack).dealing(lambda _: step.on_failure == "park")
            outcome = await visit.walk(step.steps, frame=inside)
            if not isinstance(outcome, Failed | Cancelled) or _ends_at_once(outcome):
                _hand_up(visit, stack, outcome)
                return outcome
            asks = step.on_failure == "park" and isinstance(outcome, Failed)
            visit.held.keep_outcome(outcome)
            node.update(ph="ask" if asks else "undo", s={})
        if node["ph"] == "ask":
            after = await _ask(visit, stack)
            if after is None or isinstance(after, Settled):
                return after
        undone = await _undo_all(visit, stack)
        if undone is not None:
            return undone
        if "again" not in node:
            return outcomes.from_json(node["out"])
        visit.held.drop("again", "out")
        node.update(ph="do", s={}, r=node.get("r", 1) + 1)


def _inside(visit: Visit, stack: UndoStack) -> Frame:
    turn: int = visit.node.get("r", 1)
    return visit.frame.undoing(stack).at(visit.path if turn == 1 else f"{visit.path}~{turn}")


def _hand_up(visit: Visit, stack: UndoStack, outcome: Outcome) -> None:
    """What could be undone here is for the saga around this one now, if there is one."""
    if visit.frame.undo is not None and not isinstance(outcome, Settled):
        visit.frame.undo.take_over(stack)


async def _ask(visit: Visit, stack: UndoStack) -> AfterError | None:
    """An operator says: undo and run again (retry), go on as if it had not failed (skip), or undo
    and fail. None if the saga is over.
    """
    node = visit.node
    error = cast("Failed", outcomes.from_json(node["out"])).error
    after = await parked(visit, error)
    if isinstance(after, Settled):
        return after
    if isinstance(after, Skipped):
        _hand_up(visit, stack, None)
        visit.output = after.output
        return None
    if isinstance(after, Again):
        node["again"] = True
    if isinstance(after, Cancelled):
        visit.held.keep_outcome(after)
    node["ph"] = "undo"
    return after


async def _undo_all(visit: Visit, stack: UndoStack) -> Outcome:
    """Undo the calls on the stack, the newest first, whatever is cancelled meanwhile.

    None when the stack is empty; Failed if an operator gave up.
    """
    inside = visit.shielded()
    while stack.entries:
        entry = stack.entries[-1]
        if "err" not in visit.node:
            error = await _undo(inside, entry)
            if error is None:
                stack.remove(entry)
                continue
        else:
            error = ErrorInfo.from_json(visit.node["err"])
        after = await parked(inside, error)
        if isinstance(after, Settled):
            return after
        if isinstance(after, Skipped):
            stack.remove(entry)
        elif isinstance(after, Failed):
            return Failed(_given_up(visit, entry, after.error))
    return None


async def _undo(visit: Visit, entry: JsonObject) -> ErrorInfo | None:
    """Why one call could not be undone; None if it was."""
    error = ErrorInfo.from_json(entry["err"]) if "err" in entry else await _act(visit, entry)
    visit.run.observe(
        CallUndone,
        path=entry["p"],
        action_id=entry["a"],
        error=None if error is None else error.as_json(),
    )
    return error


async def _act(visit: Visit, entry: JsonObject) -> ErrorInfo | None:
    path = f"{visit.path}~undo/{entry['p']}"
    call = ActionCall(
        step=path,
        action_id=entry["a"],
        version=entry["v"],
        input=entry["in"],
        secrets=entry["sec"],
        series=visit.series,
    )
    tried = await perform(visit, call)
    return None if isinstance(tried, Succeeded) else tried.error


def _ends_at_once(outcome: Failed | Cancelled) -> bool:
    return is_fatal(outcome.error if isinstance(outcome, Failed) else outcome.reason)


def _given_up(visit: Visit, entry: JsonObject, error: ErrorInfo) -> ErrorInfo:
    pending = outcomes.from_json(visit.node["out"])
    former = pending.error if isinstance(pending, Failed) else cast("Cancelled", pending).reason
    failed = ErrorInfo(
        code="COMPENSATION_FAILED",
        category=Category.ACTION,
        message=f"{entry['p']} could not be undone: {error.message}",
        step=visit.path,
    )
    return because_of(because_of(failed, error), former)
