"""Drafts that are saved only over certain others."""

from __future__ import annotations

from alga_workflows_core.errors import PreconditionError
from alga_workflows_core.storage.condition import Condition, require
from alga_workflows_core.storage.definitions import Definitions


class DraftChangedError(PreconditionError):
    """The stored draft is not one that the caller allowed to be replaced."""

    code = "DRAFT_CHANGED"


async def require_draft(
    condition: Condition, definitions: Definitions, definition_id: str, *, by: str
) -> None:
    """Lock the definition until the transaction ends; DraftChangedError if it is refused.

    Where the condition allows that there is none, a row without a draft is made first: without
    a row there would be nothing to lock, and two callers could both create it.
    """
    if condition.allows(None):
        await definitions.reserve(definition_id, by=by)
    definition = await definitions.get(definition_id, lock=True)
    current = None if definition is None else definition.draft_hash
    require(
        condition,
        current,
        what=f"The draft of {definition_id!r}",
        at=f"/api/v1/definitions/{definition_id}",
        changed=DraftChangedError,
    )
