"""The error with which an action says how it failed and whether trying again may help."""

from __future__ import annotations

import json
from typing import Any

from alga_workflows_core.errors import AlgaError, Category, ErrorInfo

# An error travels through history, rows and pages, so it has 16 KiB at most.
_LONGEST_MESSAGE = 2_000
_LARGEST_DETAILS = 8 * 1024


class ActionError(AlgaError):
    """An action failed; its shape is kept from here to the catch that reads it.

    `retryable`: the same call may succeed later. `retry_after`: seconds before which another
    attempt is pointless, where the target said so. `unknown`: it may have taken effect all the
    same; this matters for unsafe actions, which are then never repeated by themselves. `message`
    and `details` are public.
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
        return ErrorInfo(
            code=self.error_code,
            category=self.category,
            message=message,
            retryable=self.retryable,
            details=_bounded(self.details) or None,
            step=step,
            attempt=attempt,
        )


def _bounded(details: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(details, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError):
        return {"omitted": "The details are not JSON."}
    if size > _LARGEST_DETAILS:
        return {"omitted": f"The details have {size} bytes."}
    return details
