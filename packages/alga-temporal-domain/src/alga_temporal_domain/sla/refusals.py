"""Why a change cannot be."""

from __future__ import annotations

from alga_workflows_core.errors import AlgaError, ConflictError, InputError, NotFoundError

CLOCK_UNKNOWN = "SLA_CLOCK_UNKNOWN"

_STATES = frozenset({"SLA_NOT_RUNNING", "SLA_NOT_PAUSED", "SLA_ENDED", "SLA_CLOCK_OPEN"})


class ChangeRefusedError(Exception):
    """A change does not fit the item's state; nothing was changed. `message` is a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def as_public_error(error: ChangeRefusedError) -> AlgaError:
    """A conflict where the state does not allow it, else what is wrong with the change."""
    if error.code == CLOCK_UNKNOWN:
        return NotFoundError(error.message, code=error.code)
    kind = ConflictError if error.code in _STATES else InputError
    return kind(error.message, code=error.code)
