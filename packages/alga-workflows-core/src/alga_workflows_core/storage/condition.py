"""On what something is replaced only: the conditions of a request, without their headers."""

from __future__ import annotations

from dataclasses import dataclass

from alga_workflows_core.errors import PreconditionError

ANY = "*"
"""Stands for whatever there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What may be replaced, by the hash of its content; None asks for nothing.

    `match`: there has to be something, and it has to be one of these. `none_match`: it must be
    none of these. `ANY` in a set stands for everything, so that `none_match={ANY}` only creates.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def allows(self, current: str | None) -> bool:
        """Whether what has the hash `current` may be replaced; None: there is nothing."""
        return self._matches(current) and (
            self.none_match is None or not _holds(self.none_match, current)
        )

    def refused_by(self, current: str | None) -> str:
        """The header that says what does not hold, where `allows` says no."""
        return "If-None-Match" if self._matches(current) else "If-Match"

    def _matches(self, current: str | None) -> bool:
        return self.match is None or _holds(self.match, current)


def require(
    condition: Condition | None,
    current: str | None,
    *,
    what: str,
    at: str,
    changed: type[PreconditionError],
) -> None:
    """Raise `changed` if what has the hash `current`, None if it is not there, may not be replaced.

    `what` begins the sentence that says so; `at` is where it is shown with its ETag.
    """
    if condition is None or condition.allows(current):
        return
    is_there = "is not there" if current is None else f"has the content {current}"
    raise changed(
        f"{what} {is_there}, which is not what the request asks for.",
        path=condition.refused_by(current),
        remedy="Send it without If-Match."
        if current is None
        else f"GET {at}, decide again, and send that with its ETag as If-Match.",
    )


def _holds(hashes: frozenset[str], current: str | None) -> bool:
    return current is not None and (ANY in hashes or current in hashes)
