"""On what a draft is saved only: the conditions of a request, without the headers they come in."""

from __future__ import annotations

from dataclasses import dataclass

from alga_workflows_core.errors import PreconditionError
from alga_workflows_core.storage.definitions import Definitions

ANY = "*"
"""Stands for whatever draft there is."""


class DraftChangedError(PreconditionError):
    """The stored draft is not one that the caller allowed to be replaced."""

    code = "DRAFT_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftCondition:
    """Which stored drafts may be replaced, by hash; None asks for nothing.

    `match`: there has to be one, and it has to be one of these. `none_match`: it must be none of
    these. `ANY` in a set stands for every draft, so that `none_match={ANY}` only creates.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def allows(self, current: str | None) -> bool:
        """Whether the draft with the hash `current` may be replaced; None: there is none."""
        return (self.match is None or _holds(self.match, current)) and (
            self.none_match is None or not _holds(self.none_match, current)
        )

    async def require(self, definitions: Definitions, definition_id: str, *, by: str) -> None:
        """Lock the definition until the transaction ends; DraftChangedError if it is refused.

        Where the condition allows that there is none, a row without a draft is made first: without
        a row there would be nothing to lock, and two callers could both create it.
        """
        if self.allows(None):
            await definitions.reserve(definition_id, by=by)
        definition = await definitions.get(definition_id, lock=True)
        current = None if definition is None else definition.draft_hash
        if self.allows(current):
            return
        is_there = "has no draft yet" if current is None else f"has the draft {current}"
        remedy = (
            "Send the draft without If-Match."
            if current is None
            else f"GET /api/v1/definitions/{definition_id}, bring your changes into the draft that "
            "it answers, and send that with its ETag as If-Match."
        )
        raise DraftChangedError(
            f"Definition {definition_id!r} {is_there}, which is not what the request asks for.",
            path="If-Match"
            if self.match is not None and not _holds(self.match, current)
            else "If-None-Match",
            remedy=remedy,
        )


def _holds(hashes: frozenset[str], current: str | None) -> bool:
    return current is not None and (ANY in hashes or current in hashes)
