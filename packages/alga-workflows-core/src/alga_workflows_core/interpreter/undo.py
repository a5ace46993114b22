"""What a saga has to undo: one entry per call, put on its stack before the call starts.

An entry is `{"p": path of the call, "a": action, "v": version, "o": outcome, "in": input, "sec":
secrets, "err": why there is no input}`. `o` is `open` until the call has ended.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from alga_workflows_core.definition.policies import Undo
from alga_workflows_core.interpreter.catching import is_fatal
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json

Ended: TypeAlias = Literal["succeeded", "unknown"]


def register(visit: Visit, undo: Undo | None) -> None:
    """Put the call on the stack of the saga around it, if there is one and it can be undone."""
    stack = visit.frame.undo
    if undo is None or stack is None or stack.find(visit.path) is not None:
        return
    stack.push({"p": visit.path, "a": undo.action_id, "v": undo.version, "o": "open"})


def completed(visit: Visit, undo: Undo | None, ended: Ended, result: Json) -> None:
    """The call has, or may have, taken effect: make the input of its undo."""
    stack = visit.frame.undo
    entry = None if stack is None else stack.find(visit.path)
    if stack is None or entry is None or undo is None:
        return
    entry["o"] = ended
    scope = visit.scope.with_names({"outcome": ended, "result": result})
    try:
        resolved = scope.resolve_input(undo.input_mapping, visit.path)
        stack.complete(entry, {"in": resolved.value, "sec": dict(resolved.secrets)})
    except StepError as error:
        if is_fatal(error.info):
            raise
        # The effect is there; that it cannot be undone is for people to see, if it comes to that.
        stack.give_up(entry, error.info)


def dropped_if_open(visit: Visit) -> None:
    """The call is over. One that neither succeeded nor is unknown had no effect to undo."""
    stack = visit.frame.undo
    entry = None if stack is None else stack.find(visit.path)
    if stack is not None and entry is not None and entry["o"] == "open":
        stack.remove(entry)
