"""What a handler answered, as JSON that history, rows and expressions can all hold."""

from __future__ import annotations

import math
from typing import Any, cast

from alga_workflows_core.actions.contract import Action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.lanes import MAX_LOCAL_BYTES, MAX_REMOTE_BYTES
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER


def as_json(action: Action, output: object) -> Json:
    """`output` as JSON. ActionError with ACTION_OUTPUT_INVALID, or SIZE_LIMIT."""
    spec = action.spec
    if not isinstance(output, action.output_model):
        kinds = f"{type(output).__name__}, not a {action.output_model.__name__}"
        raise _unusable(spec.id, f"it is a {kinds}")
    try:
        value = output.model_dump(mode="json", by_alias=True)
    except ValueError as error:
        # No serializer fits, a value contains itself, or a key is half a surrogate pair.
        raise _unusable(spec.id, "it has no form in JSON") from error
    fault = _fault(value, 0)
    if fault is not None:
        raise _unusable(spec.id, f"it holds {fault}")
    limit = MAX_LOCAL_BYTES if spec.short else MAX_REMOTE_BYTES
    size = encoded_size(value)
    if size > limit:
        raise ActionError(
            "SIZE_LIMIT",
            f"The output of {spec.id} has {size} bytes; {limit} is the limit.",
            category=Category.LIMIT,
            details={"bytes": size, "limit": limit},
        )
    return value


def _fault(value: Any, depth: int) -> str | None:
    """What in `value` not everybody can keep, if there is something."""
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, float):
        return None if math.isfinite(value) else "a number that is not finite"
    if isinstance(value, int):
        return None if abs(value) <= MAX_SAFE_INTEGER else "a whole number beyond 2^53 - 1"
    if isinstance(value, list | dict) and depth == MAX_DEPTH:
        return f"values that are nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, list):
        faults = (_fault(item, depth + 1) for item in cast("list[Any]", value))
        return next((fault for fault in faults if fault is not None), None)
    if isinstance(value, dict):
        for name, member in cast("dict[str, Any]", value).items():
            fault = _text_fault(name) or _fault(member, depth + 1)
            if fault is not None:
                return fault
    return None


def _text_fault(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half a surrogate pair, which is no character"
    return None


def _unusable(action_id: str, why: str) -> ActionError:
    return ActionError(
        "ACTION_OUTPUT_INVALID",
        f"The output of {action_id} cannot be used: {why}.",
        category=Category.VALIDATION,
    )
