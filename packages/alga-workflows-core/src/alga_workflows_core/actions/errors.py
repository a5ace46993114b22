"""The error with which an action says how it failed and whether trying again may help."""

from __future__ import annotations

import json
import math
from typing import Any

from alga_workflows_core.errors import AlgaError, Category, ErrorInfo
from alga_workflows_core.interpreter.catching import bounded
from alga_workflows_core.interpreter.retrying import RETRY_AFTER

# An error travels through history, rows and pages, so it has 16 KiB at most.
_LONGEST_MESSAGE = 2_000
_LARGEST_DETAILS = 8 * 1024


class ActionError(AlgaError):
    """An action failed; its shape is kept from here to the catch that reads it.

    `retryable`: the same call may succeed later. `retry_after`: seconds before which another
    attempt is pointless, where the target said so; `details.retryAfter` tells it to the run.
    `unknown`: it may have taken effect all the same; this matters for unsafe actions, which are
    then never repeated by themselves. `message` and `details` are public.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        category: Category = Category.ACTION,
        retryable: bool = False,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
        unknown: bool = False,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, details=details)
        self.category = category
        self.retryable = retryable
        self.retry_after = retry_after
        self.unknown = unknown

    def info(self, *, step: str | None = None, attempt: int = 1) -> ErrorInfo:
        """This failure as data, of attempt number `attempt` of the step at path `step`.

        A very long message is cut, and details that are large or no JSON are left out.
        """
        message = str(self).encode("utf-8", "replace").decode()
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[: _LONGEST_MESSAGE - 1]}…"
        details = _bounded(self.details)
        if self.retry_after is not None and math.isfinite(self.retry_after):
            details = {RETRY_AFTER: self.retry_after} | details
        return bounded(
            ErrorInfo(
                code=self.error_code,
                category=self.category,
                message=message,
                retryable=self.retryable,
                details=details or None,
                step=step,
                attempt=attempt,
            )
        )


class NotPerformedError(ActionError):
    """The handler was not called, or not to its end, by no fault of its own: this was no attempt.

    Always retryable; the next one may be another worker's.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        category: Category = Category.TRANSIENT,
        remedy: str | None = None,
    ) -> None:
        super().__init__(code, message, category=category, retryable=True, remedy=remedy)


class InterruptedActionError(ActionError):
    """The handler was asked to stop and did. `repeatable`: calling it again does no harm."""

    def __init__(self, action_id: str, *, unknown: bool, repeatable: bool) -> None:
        super().__init__(
            "CANCELED",
            f"{action_id} was asked to stop.",
            category=Category.CANCELLED,
            unknown=unknown,
        )
        self.repeatable = repeatable


def _bounded(details: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(details, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError):
        return {"omitted": "The details are not JSON."}
    if size > _LARGEST_DETAILS:
        return {"omitted": f"The details have {size} bytes."}
    return details
