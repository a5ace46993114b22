"""How built-in actions refuse what they were given. Messages hold no value of the input."""

from __future__ import annotations

from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.lanes import MAX_REMOTE_BYTES
from alga_workflows_core.errors import Category
from alga_workflows_core.types.json import Json


def refused(code: str, message: str, remedy: str, **details: Json) -> ActionError:
    """The input is of the right form, but nothing can be made of it; trying again is no use."""
    return ActionError(
        code, message, category=Category.VALIDATION, details=details or None, remedy=remedy
    )


def too_large(what: str, remedy: str) -> ActionError:
    """`what`, the output or a part of it, would be larger than an output may be."""
    return ActionError(
        "SIZE_LIMIT",
        f"{what} would have more than {MAX_REMOTE_BYTES} bytes.",
        category=Category.LIMIT,
        details={"limit": MAX_REMOTE_BYTES},
        remedy=remedy,
    )
