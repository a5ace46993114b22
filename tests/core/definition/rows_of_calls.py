"""The rows of the steps that call something, and of their policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alga_workflows_core.definition.policies import MAX_BACKOFF_MS
from alga_workflows_core.validation.findings import Code
from tests.core.definition.rows import (
    Example,
    Row,
    anything,
    assignments,
    choice,
    document,
    duration,
    duration_text,
    error_names,
    mapping,
    milliseconds,
    no,
    path,
    pattern,
    step,
    whole,
    words,
)
from tests.core.definition.rows_of_documents import DEFINITION

CALL = {"actionId": "a", "version": 1}
RETRY = {"maxAttempts": 1, "backoffMs": 0}
NO_STEP = Code.STEP_TYPE_UNKNOWN


def action(config: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A definition with one call of an action."""
    return step("action.call", config=CALL | (config or {}), **members)


def kind(name: str) -> Row:
    """The type of a step, which decides about its fields."""
    return Row(
        takes=[name],
        refuses=[
            no(name + ".x", "There is no step type", code=NO_STEP),
            no(name.upper(), "There is no step type", code=NO_STEP),
        ],
    )


def part(good: Mapping[str, Any], **more: Any) -> Row:
    """An object with fields of its own, of which the first has to be there."""
    first, *others = good
    missing = no(
        {name: good[name] for name in others},
        f"The field {first!r} is missing",
        code=Code.FIELD_MISSING,
        below=f"/{first}",
    )
    return Row(
        takes=[good],
        refuses=[missing, no([], "It has to be an object"), no("x", "It has to be an object")],
        **more,
    )


ACTION_ID = pattern(
    128,
    *("http.request", "tickets.close-all", "aB_2"),
    bad=["Http.request", "1a", "a/b", ".a"],
    says="It has to be 1 to 128 letters, digits, dots, - and _, a lower-case letter first",
)
RETRY_ROW = part(RETRY, default=None)
ON_ERROR_ROW = part({"policy": "fail"}, default=None)
UNDO_ROW = part(CALL, default=None)


def _backoff_multiplier() -> Row:
    return Row(
        takes=[1, 1.5, 2.0, 100],
        refuses=[
            no(0.99, "It has to be 1 or more"),
            no(100.1, "It has to be 100 or less"),
            no("2", "It has to be a number"),
            no(True, "It has to be a number"),
        ],
        default=2.0,
    )


def _jitter() -> Row:
    says = "It has to be true or false"
    return Row(
        takes=[True, False],
        refuses=[no("true", says), no(1, says), no({"$expr": "true"}, says)],
        default=True,
    )


CALLS = {
    "ActionStep": Example(
        document=action(),
        where="/steps/0",
        rows={
            "type": kind("action.call"),
            "config": part(CALL),
            "retry": RETRY_ROW,
            "onError": ON_ERROR_ROW,
        },
    ),
    "ActionConfig": Example(
        document=action(),
        where="/steps/0/config",
        rows={
            "actionId": ACTION_ID,
            "version": whole(1),
            "inputMapping": mapping(secrets=True, default={}),
            "saveAs": path(),
            "idempotencyKey": words(2000, line=False, default=None),
            "timeout": duration(),
            "timeoutMs": milliseconds(
                refuses=[no(1, "Give either 'timeout' or 'timeoutMs'", timeout="PT1S")]
            ),
            "compensate": UNDO_ROW,
        },
    ),
    "RetryPolicy": Example(
        document=action(retry=RETRY),
        where="/steps/0/retry",
        rows={
            "maxAttempts": whole(1, 1000),
            "backoffMs": whole(0, MAX_BACKOFF_MS),
            "backoffMultiplier": _backoff_multiplier(),
            "maxDelayMs": whole(1, MAX_BACKOFF_MS, default=None),
            "maxElapsed": duration_text(),
            "jitter": _jitter(),
            "retryOn": error_names(),
        },
    ),
    "OnError": Example(
        document=action(onError={"policy": "fail"}),
        where="/steps/0/onError",
        rows={
            "policy": choice("fail", "continue", "park"),
            "saveAs": path(
                beside={"policy": "continue"},
                refuses=[
                    no("vars.a", "unless the policy is 'continue'", policy="fail"),
                    no("vars.a", "unless the policy is 'continue'", policy="park"),
                ],
            ),
        },
    ),
    "Undo": Example(
        document=action({"compensate": CALL}),
        where="/steps/0/config/compensate",
        rows={
            "actionId": ACTION_ID,
            "version": whole(1),
            "inputMapping": mapping(secrets=True, default={}),
        },
    ),
    "CallWorkflowStep": Example(
        document=step("control.callWorkflow", workflowId="b"),
        where="/steps/0",
        rows={
            "type": kind("control.callWorkflow"),
            "workflowId": DEFINITION,
            "workflowVersion": whole(1, default=None),
            "inputMapping": mapping(default={}),
            "saveAs": path(),
            "mode": choice("wait", "detach", default="wait"),
            "retry": RETRY_ROW,
            "onError": ON_ERROR_ROW,
            "compensate": UNDO_ROW,
        },
    ),
    "AssignStep": Example(
        document=step("transform.assign", config={"assign": {"vars.a": 1}}),
        where="/steps/0",
        rows={
            "type": kind("transform.assign"),
            "config": part({"assign": {"vars.a": 1}}),
        },
    ),
    "AssignConfig": Example(
        document=step("transform.assign", config={"assign": {"vars.a": 1}}),
        where="/steps/0/config",
        rows={"assign": assignments()},
    ),
    "StateStep": Example(
        document=step("state.set", config={"state": "New"}),
        where="/steps/0",
        rows={"type": kind("state.set"), "config": part({"state": "New"})},
    ),
    "StateConfig": Example(
        document=step("state.set", config={"state": "New"}),
        where="/steps/0/config",
        rows={"state": words(200, line=True)},
    ),
    "ReturnStep": Example(
        document=document(),
        where="/steps/0",
        rows={"type": kind("control.return"), "value": anything(default=None)},
    ),
}
"""Examples of the steps that call or set something, and of their parts, by the model's name."""
