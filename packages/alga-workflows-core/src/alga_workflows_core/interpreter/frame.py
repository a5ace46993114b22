"""What holds for a step because of where it stands. Derived while walking down, never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.cancel import CancelScope
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.undo_stack import UndoStack
from alga_workflows_core.types.json import Json


def _nobody(_error: ErrorInfo) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`path` is that of what encloses the step, with loop indices. `caught`: the error of the catch
    around it. `undo`: the stack of the nearest saga, which its calls are put on. `place`: indices
    of the lanes around it, as `Effects.wait_until` takes it. `deals`: whether something around
    deals with an error that comes out here, so that the run goes on. `base`: what the ordinals of
    calls and waits in here begin behind; a retry of the run that does anew what
    was undone has another.
    """

    path: str
    scope: Scope
    cancel: CancelScope
    caught: ErrorInfo | None = None
    undo: UndoStack | None = None
    place: tuple[int, ...] = ()
    deals: Callable[[ErrorInfo], bool] = _nobody
    base: int = 0

    def at(self, path: str) -> Frame:
        """The same for what stands inside `path`."""
        return replace(self, path=path)

    def naming(self, names: Mapping[str, Json]) -> Frame:
        """The same with further names for expressions."""
        return replace(self, scope=self.scope.with_names(names))

    def catching(self, error: ErrorInfo) -> Frame:
        """Inside the catch of `error`."""
        return replace(self, caught=error, scope=self.scope.with_names({"error": error.as_json()}))

    def dealing(self, deals: Callable[[ErrorInfo], bool]) -> Frame:
        """Inside something that deals with errors of which `deals` says so."""
        around = self.deals

        def either(error: ErrorInfo) -> bool:
            return deals(error) or around(error)

        return replace(self, deals=either)

    def undoing(self, stack: UndoStack) -> Frame:
        """Inside a saga with this stack."""
        return replace(self, undo=stack)

    def shielded(self) -> Frame:
        """The same where no cancel reaches."""
        return replace(self, cancel=CancelScope())
