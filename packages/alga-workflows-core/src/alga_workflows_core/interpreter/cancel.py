"""Cancellation: a tree of flags that steps look at. Nothing is interrupted from outside."""

from __future__ import annotations

from alga_workflows_core.errors import ErrorInfo


class CancelScope:
    """A part of a run that can be cancelled as a whole, with all scopes below it.

    One without a parent is shielded: what it holds goes on whatever happens around it.
    """

    __slots__ = ("_own", "_parent")

    def __init__(self, parent: CancelScope | None = None) -> None:
        self._parent = parent
        self._own: ErrorInfo | None = None

    @property
    def reason(self) -> ErrorInfo | None:
        """Why it is cancelled, or None if it is not. The outermost reason wins."""
        outer = None if self._parent is None else self._parent.reason
        return outer or self._own

    def cancel(self, reason: ErrorInfo) -> None:
        """Cancel it; a second time changes nothing."""
        if self._own is None:
            self._own = reason
