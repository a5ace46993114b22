"""What a run may carry, counted as the JSON that its history will hold."""

from __future__ import annotations

import json

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.types.json import Json

MAX_CARRIED_BYTES = 1536 * 1024
"""Everything that goes with a run into its next execution: its definition and the contracts of its
actions, payload, variables, and what its steps hold."""

MAX_PLACED_BYTES = 1792 * 1024
"""The same with what says where the run stands: steps that have begun, waits that are open. So a
run that is full of data can still catch an error, clean up and go on."""

MAX_ERROR_BYTES = 16 * 1024
"""An error as it travels, causes included."""

MAX_RESULT_BYTES = 1024 * 1024
"""Result of a run. It ends the history in one message with what the last actions answered."""


def encoded_size(value: Json) -> int:
    """Bytes of `value` as JSON, as Temporal will carry it."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def check_size(size: int, *, limit: int, what: str, step: str) -> None:
    """StepError `SIZE_LIMIT` if `size` bytes of `what` are more than `limit`."""
    if size > limit:
        raise StepError(too_large(size, limit=limit, what=what, step=step))


def too_large(size: int, *, limit: int, what: str, step: str) -> ErrorInfo:
    """The error `SIZE_LIMIT`: `what` would have `size` bytes, more than `limit`."""
    return ErrorInfo(
        code="SIZE_LIMIT",
        category=Category.LIMIT,
        message=f"{what} would have {size} bytes; {limit} is the limit.",
        details={"bytes": size, "limit": limit},
        step=step,
    )
