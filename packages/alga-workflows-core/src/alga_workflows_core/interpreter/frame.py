"""What holds for a step because of where it stands. Derived while walking down, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.cancel import CancelScope
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.undo_stack import UndoStack
from alga_workflows_core.types.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`path` is that of what encloses the step, with loop indices. `caught`: the error of the catch
    around it. `undo`: the stack of the nearest saga, which its calls are put on. `place`: indices
    of the lanes around it, as `Effects.wait_until` takes it.
    """

    path: str
    scope: Scope
    cancel: CancelScope
    caught: ErrorInfo | None = None
    undo: UndoStack | None = None
    place: tuple[int, ...] = ()

    def at(self, path: str) -> Frame:
        """The same for what stands inside `path`."""
        return replace(self, path=path)

    def naming(self, names: Mapping[str, Json]) -> Frame:
        """The same with further names for expressions."""
        return replace(self, scope=self.scope.with_names(names))

    def catching(self, error: ErrorInfo) -> Frame:
        """Inside the catch of `error`."""
        return replace(self, caught=error, scope=self.scope.with_names({"error": error.as_json()}))

    def undoing(self, stack: UndoStack) -> Frame:
        """Inside a saga with this stack."""
        return replace(self, undo=stack)

    def shielded(self) -> Frame:
        """The same where no cancel reaches."""
        return replace(self, cancel=CancelScope())
