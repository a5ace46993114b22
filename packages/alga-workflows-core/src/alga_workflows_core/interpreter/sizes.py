"""What a run may carry, counted as the JSON that its history will hold."""

from __future__ import annotations

import json

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.types.json import Json

MAX_CARRIED_BYTES = 1536 * 1024
"""Payload and variables of a run together."""

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
        raise StepError(
            ErrorInfo(
                code="SIZE_LIMIT",
                category=Category.LIMIT,
                message=f"{what} would have {size} bytes; {limit} is the limit.",
                details={"bytes": size, "limit": limit},
                step=step,
            )
        )
