"""Steps in few words, and what is found in definitions that consist of them."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.validation.findings import Finding
from alga_workflows_core.validation.validate import validate
from tests.core.validation.world import CATALOGUE

Step = dict[str, Any]
ASKED: dict[str, Any] = {"$expr": "payload.n = 1"}
LIST: dict[str, Any] = {"$expr": "payload.list"}


def label(name: str, state: Any = "On") -> Step:
    """A step that always goes through."""
    return {"id": name, "type": "state.set", "config": {"state": state}}


def end(name: str, kind: str = "return", **fields: Any) -> Step:
    """`control.return`, `control.throw`, `control.break` or `control.continue`."""
    code = {"code": "STOPPED"} if kind == "throw" else {}
    return {"id": name, "type": f"control.{kind}", **code, **fields}


def decide(name: str, then: list[Step], otherwise: list[Step] | None = None, **fields: Any) -> Step:
    """A `control.if` on an expression."""
    other = {} if otherwise is None else {"else": otherwise}
    return {"id": name, "type": "control.if", "condition": ASKED, "then": then, **other, **fields}


def loop(name: str, *body: Step, **fields: Any) -> Step:
    """A `control.forEach` whose item is called `row`."""
    made: Step = {"id": name, "type": "control.forEach", "items": LIST, "itemVar": "row"}
    return {**made, "body": list(body), **fields}


def again(name: str, *body: Step, condition: Any = True) -> Step:
    """A `control.while`, without end unless it says otherwise."""
    made: Step = {"id": name, "type": "control.while", "condition": condition}
    return {**made, "body": list(body), "maxIterations": 9}


def together(name: str, *branches: list[Step], **fields: Any) -> Step:
    """A `control.parallel` with branches called `b0`, `b1`, …"""
    made = [{"id": f"b{number}", "steps": steps} for number, steps in enumerate(branches)]
    return {"id": name, "type": "control.parallel", "branches": made, **fields}


def attempt(name: str, *steps: Step, **fields: Any) -> Step:
    """A `control.tryCatch` with these steps as its `try`."""
    return {"id": name, "type": "control.tryCatch", "try": list(steps), **fields}


def saga(name: str, *steps: Step, **fields: Any) -> Step:
    """A `control.saga`."""
    return {"id": name, "type": "control.saga", "steps": list(steps), **fields}


def assign(name: str, **variables: Any) -> Step:
    """A `transform.assign`; `a__b` stands for `vars.a.b`, and text for an expression."""
    values = {
        f"vars.{path.replace('__', '.')}": {"$expr": value} if isinstance(value, str) else value
        for path, value in variables.items()
    }
    return {"id": name, "type": "transform.assign", "config": {"assign": values}}


def call(name: str, *, retry: Any = None, undo: bool = False, **config: Any) -> Step:
    """A call of `tickets.get`."""
    made: Step = {"actionId": "tickets.get", "version": 1, "inputMapping": {"ticketId": "7"}}
    compensate = {"compensate": made} if undo else {}
    policy = {} if retry is None else {"retry": retry}
    return {"id": name, "type": "action.call", "config": {**made, **compensate, **config}, **policy}


def findings(*steps: Step, **fields: Any) -> list[Finding]:
    """All that is found in a definition with these steps and fields; None leaves one out."""
    limit = {} if "timeoutMs" in fields else {"timeout": "P90D"}
    document = {"id": "small", "name": "Small", **limit, "steps": list(steps), **fields}
    written = {name: value for name, value in document.items() if value is not None}
    return validate(written, CATALOGUE).findings


def found(*steps: Step, **fields: Any) -> list[str]:
    """The same as `CODE at /path`."""
    return [f"{each.code} at {each.path}" for each in findings(*steps, **fields)]


def said(*steps: Step, **fields: Any) -> str:
    """What the only finding says."""
    (only,) = findings(*steps, **fields)
    return only.message
