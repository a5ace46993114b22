"""The error tree, and the one shape in which an error travels.

    AlgaError
    ├── SettingsError       a setting is missing or wrong; names all of them
    ├── InputError          the caller sent something that cannot be accepted
    │   ├── TooLargeError   it is over a size limit
    │   └── FindingsError   a document has findings of severity error
    ├── NotFoundError       no such thing for this tenant
    ├── ConflictError       it exists, but its state does not allow this
    │   └── NoSlotError     as many runs are there as may be
    ├── PreconditionError   it is not, or no longer, as the caller said it has to be
    ├── AccessError         no key, a wrong key, or a role that is too low
    └── UnavailableError    a server that we need cannot be reached

Each says what happened, where (`path`) and what to do (`remedy`); text is made from these at the
edge. `ErrorInfo` is not an exception: it is the value that a step's failure becomes, unchanged from
the action that raised it to the page that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class AlgaError(Exception):
    """Base of every error that this project raises on purpose."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        path: str | None = None,
        remedy: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.path = path
        self.remedy = remedy
        self.details = details or {}

    def __str__(self) -> str:
        where = f" (at {self.path})" if self.path else ""
        what_to_do = f" {self.remedy}" if self.remedy else ""
        return f"{self.message}{where}{what_to_do}"


class SettingsError(AlgaError):
    """One or more settings are missing or wrong."""

    code = "SETTINGS_INVALID"


class InputError(AlgaError):
    """What the caller sent cannot be accepted; sending it again unchanged will not help."""

    code = "INPUT_INVALID"


class TooLargeError(InputError):
    """What the caller sent is over a size limit."""

    code = "SIZE_LIMIT"


class FindingsError(InputError):
    """A document has findings that forbid what was asked; `details["findings"]` lists them."""

    code = "DEFINITION_INVALID"


class NotFoundError(AlgaError):
    """There is no such thing, or it belongs to another tenant."""

    code = "NOT_FOUND"


class ConflictError(AlgaError):
    """The thing exists, but its present state does not allow what was asked."""

    code = "CONFLICT"


class NoSlotError(ConflictError):
    """As many runs of the definition are there as may be, and another one is not to wait."""

    code = "CONCURRENCY_LIMIT"


class PreconditionError(AlgaError):
    """The thing is no longer as the caller said it has to be; nothing was changed."""

    code = "PRECONDITION_FAILED"


class AccessError(AlgaError):
    """The caller is unknown (`authenticated` is false) or its role does not allow this. `scheme`:
    how an unknown one has to say who it is."""

    code = "ACCESS_DENIED"

    def __init__(
        self,
        message: str,
        *,
        authenticated: bool,
        scheme: str = "Bearer",
        remedy: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.authenticated = authenticated
        self.scheme = scheme


class UnavailableError(AlgaError):
    """A server that we need cannot be reached, or did not answer in time."""

    code = "UNAVAILABLE"

    def __init__(self, dependency: str, address: str, reason: str, *, remedy: str) -> None:
        super().__init__(f"{dependency} at {address} cannot be reached: {reason}.", remedy=remedy)
        self.dependency = dependency
        self.address = address


class Category(StrEnum):
    """What kind of thing went wrong in a step; `catchOn` and `retryOn` may name these."""

    VALIDATION = "Validation"
    EXPRESSION = "Expression"
    TRANSIENT = "Transient"
    ACTION = "Action"
    TIMEOUT = "Timeout"
    CHILD = "Child"
    LIMIT = "Limit"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """A step's failure as data, the same in history, rows, API and expressions.

    `as_json` and `from_json` are inverses. `step` is the step's path with loop indices, `attempt`
    counts from 1.
    """

    code: str
    category: Category
    message: str
    retryable: bool = False
    details: dict[str, Any] | None = None
    step: str | None = None
    attempt: int = 1
    cause: ErrorInfo | None = None

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "code": self.code,
            "category": self.category.value,
            "message": self.message,
            "retryable": self.retryable,
            "details": self.details or {},
            "step": self.step,
            "attempt": self.attempt,
        }
        if self.cause is not None:
            value["cause"] = self.cause.as_json()
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ErrorInfo:
        cause = value.get("cause")
        return cls(
            code=value["code"],
            category=Category(value["category"]),
            message=value["message"],
            retryable=value.get("retryable", False),
            details=value.get("details") or None,
            step=value.get("step"),
            attempt=value.get("attempt", 1),
            cause=None if cause is None else cls.from_json(cause),
        )
