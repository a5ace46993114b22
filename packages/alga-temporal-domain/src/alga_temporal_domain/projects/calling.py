"""Calls from projects' processes to their supervisor: who answers, and why there is no answer."""

from __future__ import annotations

from typing import Any, Protocol

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.types.json import Json


class CallError(AlgaError):
    """A call has no answer. `error_code` becomes the type of the activity's error."""

    code = "CALL_FAILED"

    def __init__(self, message: str, *, code: str, retryable: bool = False) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


class Broker(Protocol):
    """Answers the calls of one project's processes; several at a time."""

    async def answer(self, name: str, arguments: dict[str, Any]) -> Json:
        """The activity's result. CallError (or any AlgaError) when there is none."""
        ...


class NoBroker:
    """For processes that have nothing to ask for."""

    async def answer(self, name: str, arguments: dict[str, Any]) -> Json:  # noqa: ARG002
        raise CallError(f"{name} is not available here.", code="NOT_AVAILABLE")
