"""`control.callWorkflow`: run another definition, and wait for its result or not.

Node: that of `retrying`, of `failing` and of `waiting`, `{"in": payload, "d": true while a child
that nobody waits for is being started}`.
"""

from __future__ import annotations

from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter import undo
from alga_workflows_core.interpreter.catching import because_of
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.failing import carry_out
from alga_workflows_core.interpreter.outcome import Cancelled, Outcome, Settled
from alga_workflows_core.interpreter.retrying import Erred, Succeeded, Tried, try_until
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.interpreter.waiting import next_key, too_large, wait_for
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.types.json import Json, JsonObject


async def run(step: CallWorkflowStep, visit: Visit) -> Outcome:
    """Run the child, again as the policy says; then what `onError` says."""
    return await carry_out(visit, step.on_error, lambda: _attempts(step, visit), step.save_as)


async def _attempts(step: CallWorkflowStep, visit: Visit) -> Tried:
    node = visit.node
    try:
        if "in" not in node:
            visit.held.keep({"in": visit.scope.resolve(step.input_mapping, visit.path)})
        undo.register(visit, step.compensate)
    except StepError as error:
        visit.held.drop("in")
        return Erred(error.info)

    async def once(_number: int) -> Tried:
        try:
            tried = await _once(step, visit)
        except StepError as error:
            tried = Erred(error.info)
        if isinstance(tried, Succeeded):
            undo.completed(visit, step.compensate, "succeeded", tried.output)
        reason = visit.frame.cancel.reason
        return tried if reason is None or isinstance(tried, Settled) else Cancelled(reason)

    tried = await try_until(visit, step.retry, once)
    if not isinstance(tried, Settled):
        visit.held.drop("in")
    if isinstance(tried, Cancelled):
        undo.dropped_if_open(visit)
    return tried


async def _once(step: CallWorkflowStep, visit: Visit) -> Tried:
    """One child from its start to its end."""
    if step.mode == "detach":
        if visit.node.pop("d", False):
            # It was being started when the run failed that this is a retry of: it is that one.
            visit.node["w"] -= 1
        wait = _wait(step, visit)
        visit.node["d"] = True
        started = await visit.effects.detach(wait)
        del visit.node["d"]
        return _tried(
            visit, {"status": "SUCCEEDED", "result": {"runId": started.get("runId")}} | started
        )
    waited = await wait_for(visit, visit.held, lambda: [_wait(step, visit)])
    if isinstance(waited, Settled):
        return waited
    (resolution,) = waited.resolutions
    error = too_large(visit, waited)
    if error is not None and resolution is not None and resolution.get("status") == "SUCCEEDED":
        # It has taken effect, and nobody can say what it gave.
        undo.completed(visit, step.compensate, "unknown", None)
        return Erred(error)
    return _tried(visit, resolution or {})


def _wait(step: CallWorkflowStep, visit: Visit) -> Wait:
    detail: JsonObject = {
        "workflowId": step.workflow_id,
        "workflowVersion": step.workflow_version,
        "payload": visit.node["in"],
    }
    return Wait(kind="child", key=next_key(visit), path=visit.path, due=None, detail=detail)


def _tried(visit: Visit, resolution: JsonObject) -> Succeeded | Erred:
    if resolution.get("status") == "SUCCEEDED" and resolution.get("error") is None:
        return Succeeded(resolution.get("result"))
    return Erred(_failure(visit, resolution))


def _failure(visit: Visit, resolution: JsonObject) -> ErrorInfo:
    error: Json = resolution.get("error")
    cause = None if error is None else ErrorInfo.from_json(error)
    failed = ErrorInfo(
        code="CHILD_FAILED",
        category=Category.CHILD,
        message="The called definition failed." if cause is None else cause.message,
        details={"runId": resolution.get("runId"), "status": resolution.get("status")},
        retryable=True,
        step=visit.path,
        attempt=visit.node.get("k", 1),
    )
    return failed if cause is None else because_of(failed, cause)
