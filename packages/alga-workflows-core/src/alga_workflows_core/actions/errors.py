"""The error with which an action says how it failed and whether trying again may help."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.errors import AlgaError, Category, ErrorInfo


class ActionError(AlgaError):
    """An action failed; its shape is kept from here to the catch that reads it.

    `retryable`: the same call may succeed later. `retry_after`: seconds before which another
    attempt is pointless, where the target said so. `message` and `details` are public.
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
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, details=details)
        self.category = category
        self.retryable = retryable
        self.retry_after = retry_after

    def info(self, *, step: str | None = None, attempt: int = 1) -> ErrorInfo:
        """This failure as data, of attempt number `attempt` of the step at path `step`."""
        return ErrorInfo(
            code=self.error_code,
            category=self.category,
            message=str(self),
            retryable=self.retryable,
            details=self.details or None,
            step=step,
            attempt=attempt,
        )
